"""The errors of the record, as one small tree.

JobError
├── JobNotFound        no such job (or another owner's: the two look the same)
├── JobGone            the job was deleted; its tombstone says how it ended
├── IllegalTransition  the state table has no such move
├── LeaseLost          another attempt runs the job now, or it has ended
├── BatchNotFound      no such batch (or another owner's)
├── UploadNotFound     no such upload (or another owner's)
├── UploadsFull        the owner has no room for another upload
├── Contended          other writers came between each time
├── KeyReused          an idempotency key came again with another request
├── QuotaExceeded      the key or the end user has as many jobs waiting as allowed
└── StoreUnavailable   Redis cannot be reached, or takes no writes
    └── WrongDatabase  Redis answers, but it is not the database that holds the jobs (jobs/record/identity.py)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.model import Tombstone


class JobError(Exception):
    """Base of all errors about a job's record."""


class JobNotFound(JobError):
    """There is no job with this id."""


class JobGone(JobError):
    """The job was deleted or its retention is over."""

    def __init__(self, tombstone: Tombstone) -> None:
        self.tombstone = tombstone
        super().__init__(f"{tombstone.id} is gone: {tombstone.reason}")


class IllegalTransition(JobError):
    """The state table has no such move."""


class LeaseLost(JobError):
    """Another attempt has the right to run this job, or it has ended; nothing was changed."""


class Contended(JobError):
    """Other writers changed the record each time before the write; nothing was changed."""


class BatchNotFound(JobError):
    """There is no batch with this id."""


class UploadNotFound(JobError):
    """There is no upload with this id."""


class UploadsFull(JobError):
    """The owner has no room for another upload; the text says what is kept and what is allowed."""


class KeyReused(JobError):
    """The idempotency key was used for another request; nothing was changed."""


class QuotaExceeded(JobError):
    """A limit of waiting jobs is reached; nothing was changed. ``limit`` is the field of :class:`jobs.limits.Limits`."""

    def __init__(self, limit: str, most: int) -> None:
        self.limit = limit
        self.most = most
        super().__init__(f"{limit} is at most {most}")


class StoreUnavailable(JobError):
    """Redis cannot be reached, or takes no writes, for now."""


class WrongDatabase(StoreUnavailable):
    """The database is not the one that holds this installation's jobs; the text says what to do."""
