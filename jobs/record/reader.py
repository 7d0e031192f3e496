"""Reading the records of jobs: one, many, a page, the event log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import msgspec

from jobs.errors import JobGone, JobNotFound
from jobs.idempotency import Idempotency
from jobs.model import Job, Tombstone
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.types import LoggedEvent, Page, Record, logged
from jobs.times import ms

_job = msgspec.json.Decoder(Job)
_tombstone = msgspec.json.Decoder(Tombstone)

#: The fields of a job's hash that make a :class:`jobs.record.types.Record`.
RECORD_FIELDS: Final = ("doc", "v", "oe")
#: Jobs that one read of a page looks at.
_PAGE_JOBS: Final = 200
#: Reads of one page. A page whose filter keeps few jobs is cut short after them, and its cursor goes on.
_PAGE_READS: Final = 10


class JobReader:
    """Reads the records of jobs.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        connection: To Redis.
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
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(keys.tombstone(job_id))
        pipe.hget(keys.IDENTITY, "id")
        stone, found = pipe.execute()
        if (found or b"").decode() != self._connection.database_id:
            self._connection.check_database()
        return None if stone is None else _tombstone.decode(stone)

    def get_many(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those of the jobs that exist."""
        ids = list(job_ids)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hmget(keys.job(job_id), *RECORD_FIELDS)
            rows = pipe.execute() if ids else []
        records = {job_id: record_of(row) for job_id, row in zip(ids, rows, strict=True)}
        return {job_id: record for job_id, record in records.items() if record is not None}

    def tombstones(self, job_ids: Sequence[str]) -> tuple[Tombstone, ...]:
        """The tombstones of those of the jobs that were deleted."""
        if not job_ids:
            return ()
        with available():
            rows = self._redis.mget([keys.tombstone(job_id) for job_id in job_ids])
        return tuple(_tombstone.decode(row) for row in rows if row is not None)

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

    # -- lists -----------------------------------------------------------------

    def page(
        self,
        owner: str | None,
        *,
        cursor: str | None,
        limit: int,
        keep: Callable[[Job], bool] = lambda _: True,
        since: float | None = None,
        until: float | None = None,
    ) -> Page:
        """A part of the jobs of an owner, newest first.

        Args:
            owner: None: all owners.
            cursor: Of the part before: creation time and id of its last job.
            limit: Most jobs. Where ``keep`` keeps few, a page may hold fewer and still have a cursor.
            keep: Says which jobs to list.
            since: Jobs created later than this, in Unix seconds.
            until: Jobs created earlier than this.
        """
        with available():
            names = (
                [owner] if owner is not None else sorted(name.decode() for name in self._redis.smembers(keys.OWNERS))
            )
        found: list[Record] = []
        lower = "-inf" if since is None else f"({since * 1000:.3f}"
        upper = cursor or ("+inf" if until is None else f"({until * 1000:.3f}")
        for _ in range(_PAGE_READS):
            merged = self._older(names, upper, lower, _PAGE_JOBS)
            if not merged:
                return Page(tuple(found))
            records = self.get_many(job_id for _, job_id in merged)
            found += [records[job_id] for _, job_id in merged if job_id in records and keep(records[job_id].job)]
            if len(found) > limit:
                last = found[limit - 1].job
                return Page(tuple(found[:limit]), f"{ms(last.created_at)}:{last.id}")
            upper = f"{int(merged[-1][0])}:{merged[-1][1]}"
        return Page(tuple(found), upper)

    def _older(self, owners: Sequence[str], upper: str, lower: str, count: int) -> list[tuple[float, str]]:
        """Up to ``count`` (created ms, id) before the place ``upper`` and down to ``lower``, newest first."""
        at, _, last = upper.partition(":")
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for owner in owners:
                # Jobs of the same millisecond as the last one are read again and cut off by their id.
                pipe.zrange(
                    keys.owner(owner), cast("int", at), cast("int", lower),
                    desc=True, byscore=True, withscores=True, offset=0, num=count + 50,
                )  # fmt: skip
            answers = pipe.execute() if owners else []
        found = [(score, member.decode()) for answer in answers for member, score in answer]
        rows = [row for row in found if not last or row < (float(at), last)]
        return sorted(rows, reverse=True)[:count]

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
        record = self._named(keys.twin(once.fingerprint)) if once.repeated else None
        return None if record is None or record.job.status.is_unsuccessful else record

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
    """Let a job of another owner look like one that does not exist.

    Args:
        job_id: The job.
        actual: Whose it is; None: it does not exist.
        owner: Who asks; None: the installation itself.

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
