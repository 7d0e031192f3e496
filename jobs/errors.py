"""The errors of the record: each is a :class:`JobError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.model import Tombstone


class JobError(Exception):
    """Base of all errors about a job's record."""


class JobNotFound(JobError):
    """There is no job with this id, or it is another owner's: the two look the same."""


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
    """There is no batch with this id, or it is another owner's."""


class UploadNotFound(JobError):
    """There is no upload with this id, or it is another owner's."""


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


class RateExceeded(JobError):
    """A rate limit has no room for the request; nothing was changed. The charge of the request knows which."""


class StoreUnavailable(JobError):
    """Redis cannot be reached, or takes no writes, for now."""


class StoreFull(StoreUnavailable):
    """Redis has no memory left, or too little for another job. What frees memory still works."""


class WrongDatabase(StoreUnavailable):
    """Redis answers, but not from the database that holds this installation's jobs; the text says what to do."""
