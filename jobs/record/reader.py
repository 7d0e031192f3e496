"""Reading the records of jobs: one, many, a page, the event log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from jobs.errors import JobGone, JobNotFound
from jobs.idempotency import Idempotency
from jobs.model import Job, Tombstone
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available
from jobs.record.tombstones import place, unpacked
from jobs.record.types import LoggedEvent, Record, logged

_job = msgspec.json.Decoder(Job)
_tombstone = msgspec.json.Decoder(Tombstone)

#: The fields of a job's hash that make a :class:`jobs.record.types.Record`.
RECORD_FIELDS: Final = ("doc", "v", "oe")


class JobReader:
    """Reads the records of jobs.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis
        #: The time with which records are stamped.
        self.now = connection.now

    def get(self, job_id: str, owner: str | None = None) -> Record:
        """A job; with an owner, only if it is theirs. Tried again for the connection's patience.

        Raises:
            JobNotFound: There is none, or it is another owner's.
            JobGone: It was deleted.
        """
        row = self._connection.patiently(lambda: self._redis.hmget(keys.job(job_id), *RECORD_FIELDS))
        record = record_of(row)
        if record is None:
            stone = self._connection.patiently(lambda: self._tombstone(job_id))
            check_owner(job_id, None if stone is None else stone.owner, owner)
            raise JobGone(stone) if stone is not None else not_found(job_id)
        check_owner(job_id, record.job.owner, owner)
        return record

    def _tombstone(self, job_id: str) -> Tombstone | None:
        """The tombstone of a job. In the wrong database nothing can be said of it, and this raises."""
        database, stones = self._stones([job_id])
        if database != self._connection.database_id:
            self._connection.check_database()
        return stones[0] if stones else None

    def _stones(self, job_ids: Sequence[str]) -> tuple[str, tuple[Tombstone, ...]]:
        """The id of the database, and the tombstones of those of the jobs that were deleted."""
        places = [part for job_id in job_ids for part in (job_id, *place(job_id))]
        database, *found = self._connection.run("tombstones", *places)
        stones = [
            unpacked(job_id, stored) if stored else _tombstone.decode(earlier)
            for job_id, stored, earlier in zip(job_ids, found[::2], found[1::2], strict=True)
            if stored or earlier
        ]
        return database.decode(), tuple(stones)

    def get_many(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those of the jobs that exist.

        Raises:
            msgspec.DecodeError: A record cannot be read: it must not be taken for one that does not exist.
        """
        records = {job_id: record_of(row) for job_id, row in self._rows(job_ids).items()}
        return {job_id: record for job_id, record in records.items() if record is not None}

    def _rows(self, job_ids: Iterable[str]) -> dict[str, Sequence[bytes | None]]:
        ids = list(job_ids)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hmget(keys.job(job_id), *RECORD_FIELDS)
            return dict(zip(ids, pipe.execute() if ids else [], strict=True))

    def tombstones(self, job_ids: Sequence[str]) -> tuple[Tombstone, ...]:
        """The tombstones of those of the jobs that were deleted."""
        return self._stones(job_ids)[1] if job_ids else ()

    def log(self, job_id: str, after: str = "0", limit: int = 1000) -> Sequence[LoggedEvent]:
        """The log after the event ``after``, oldest first."""
        with available():
            rows = self._redis.xrange(keys.events(job_id), min=f"({after}", count=limit)
        return logged(rows)

    def preview(self, job_id: str, index: int) -> bytes | None:
        """A preview's image, while it is kept."""
        with available():
            return self._redis.hget(keys.previews(job_id), str(index))

    def batch(self, batch_id: str) -> bytes | None:
        """The record of a batch, as :meth:`jobs.record.store.JobStore.create_batch` got it."""
        with available():
            return self._redis.hget(keys.batch(batch_id), "doc")

    # -- what an earlier request made --------------------------------------------

    def first_of(self, once: Idempotency) -> str | None:
        """The id of what an earlier request with this key made.

        Raises:
            KeyReused: It was another request.
        """
        with available():
            fingerprint, made = self._redis.hmget(keys.once(once.key or ""), "print", "id")
        return once.match(fingerprint.decode(), made.decode()) if fingerprint and made else None

    def made(self, once: Idempotency) -> Record | None:
        """The job that an earlier sending of the request made.

        Raises:
            KeyReused: The idempotency key came with another request before.
            JobGone: The job has been deleted.
        """
        if once.key is not None:
            first = self.first_of(once)
            return None if first is None else self.get(first)
        for fingerprint in once.fingerprints if once.repeated else ():
            record = self._named(keys.twin(fingerprint))
            if record is not None and not record.job.status.is_unsuccessful:
                return record
        return None

    def recall(self, key: str) -> Job | None:
        """The newest job that succeeded at a request with this :attr:`jobs.model.Job.cache_key`, while it is kept."""
        record = self._named(keys.cache(key))
        return None if record is None or record.job.cache_key != key else record.job

    def _named(self, key: str) -> Record | None:
        """The job whose id is kept under a key."""
        with available():
            found = self._redis.get(key)
        return None if found is None else self.get_many([found.decode()]).get(found.decode())


def check_owner(job_id: str, actual: str | None, owner: str | None) -> None:
    """Let another owner's job look like none (``actual`` None). ``owner``: who asks; None: the installation itself.

    Raises:
        JobNotFound: It is another owner's.
    """
    if owner is not None and actual != owner:
        raise not_found(job_id)


def not_found(job_id: str) -> JobNotFound:
    """The error for a job that does not exist."""
    return JobNotFound(f"there is no job {job_id}")


def decoded(doc: bytes) -> Job:
    """A job's snapshot."""
    return _job.decode(doc)


def record_of(row: Sequence[bytes | None]) -> Record | None:
    """The record in a row of :data:`RECORD_FIELDS`; None: there is no such job."""
    doc, version, event_id = row
    if doc is None or version is None:
        return None
    return Record(_job.decode(doc), int(version), (event_id or b"0").decode())
