"""What can go wrong with a job's record, as one small tree.

JobError
├── JobNotFound        no such job (or another owner's: the two look the same)
├── JobGone            there was one; its tombstone says how it ended
├── IllegalTransition  the state table has no such move
├── LeaseLost          somebody else runs the job now, or it has ended
├── BatchNotFound      no such batch (or another owner's)
├── UploadNotFound     no such upload (or another owner's)
├── UploadsFull        the owner has no room for another upload
├── Contended          the record kept changing under a writer
├── KeyReused          an idempotency key came again with another request
├── QuotaExceeded      no more jobs of this key, or of its end user, may wait
└── StoreUnavailable   Redis cannot be written to or reached right now
    └── WrongDatabase  Redis is there, but it is not the database that holds the jobs (jobs/record/identity.py)
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
    """The right to run this job has passed on; nothing was changed."""


class Contended(JobError):
    """The record kept changing while it was written; nothing was changed."""


class BatchNotFound(JobError):
    """There is no batch with this id."""


class UploadNotFound(JobError):
    """There is no upload with this id."""


class UploadsFull(JobError):
    """The owner has as many uploads as are kept for one; the text says how many."""


class KeyReused(JobError):
    """The idempotency key stands for another request; nothing was changed."""


class QuotaExceeded(JobError):
    """So many more jobs may not wait; nothing was changed. ``limit`` is the field of :class:`jobs.limits.Limits`."""

    def __init__(self, limit: str, most: int) -> None:
        self.limit = limit
        self.most = most
        super().__init__(f"{limit} is at most {most}")


class StoreUnavailable(JobError):
    """The store cannot be reached or refuses writes for now."""


class WrongDatabase(StoreUnavailable):
    """The database is not the one that holds this installation's jobs; the text says what to do."""
