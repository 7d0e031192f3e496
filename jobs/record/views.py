"""What the web face reads at every poll, in one round trip each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from jobs.limits import UNLIMITED, Limits
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.job_queue import or_empty
from jobs.record.reader import JobReader, check_owner, record_of
from jobs.record.types import LimitGroup, QueuePlace, Record
from jobs.times import ms

#: The longest record that is remembered between looks, in bytes of JSON.
_SEEN_BYTES: Final = 8 << 10


class JobViews:
    """Reads for the web face.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot be reached.

    Args:
        connection: To Redis.
        reader: Reads what a look does not find.
        limits: For every API key that does not have its own.
        remembered: Records that are remembered between looks.
    """

    def __init__(
        self, connection: Connection, reader: JobReader, *, limits: Limits = UNLIMITED, remembered: int = 1024
    ) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._reader = reader
        self._remembered = remembered
        self._limits = [or_empty(limits.running), or_empty(limits.user_running)]
        # Clients poll the same jobs again and again, and mostly nothing has happened.
        self._seen: OrderedDict[str, Record] = OrderedDict()

    def look(self, job_id: str, owner: str | None = None) -> tuple[Record, QueuePlace | None]:
        """A job, and its place in the queue (None: it is not queued); with an owner, only if it is theirs.

        One round trip. A record that has not changed since the last look is the same object again.

        Raises:
            JobNotFound: There is none, or it is another owner's.
            JobGone: It was deleted.
        """
        known = self._seen.get(job_id)
        answer = self._connection.run("look", job_id, "" if known is None else known.event_id, *self._limits)
        record = None if answer is None else self._current(known, answer)
        if record is None:
            return self._reader.get(job_id, owner), None
        check_owner(job_id, record.job.owner, owner)
        return record, _place(answer)

    def _current(self, known: Record | None, answer: Sequence[Any]) -> Record | None:
        """The record of an answer of look.lua, which leaves out a snapshot that is ``known``."""
        version, event_id, doc = answer[:3]
        if doc is None and known is not None:
            return known
        record = record_of((doc, version, event_id))
        if record is not None and len(doc) <= _SEEN_BYTES:
            self._seen[record.job.id] = record
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return record

    def places(self, records: Iterable[Record]) -> dict[str, QueuePlace]:
        """The places of those of the jobs that are queued."""
        looked = list(records)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for record in looked:
                self._connection.queue(pipe, "look", record.job.id, record.event_id, *self._limits)
            answers = pipe.execute() if looked else []
        places = ((record.job.id, _place(answer or ())) for record, answer in zip(looked, answers, strict=True))
        return {job_id: place for job_id, place in places if place is not None}

    def counts(self, owner: str, user: str | None) -> dict[str, int]:
        """How many jobs and streams an owner has, and an end user of theirs, by the fields of the limits."""
        now = ms(self._connection.now())
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for group in (owner, user or owner):
                pipe.zcard(keys.waiting(group))
                pipe.scard(keys.held(group))
            pipe.zcount(keys.streams(owner), now, "+inf")
            queued, running, user_queued, user_running, streams = pipe.execute()
        found = {"queued": queued, "running": running, "streams": streams}
        return found if user is None else {**found, "user_queued": user_queued, "user_running": user_running}

    def groups(self, owner: str, user: str, limits: Limits) -> tuple[LimitGroup, ...]:
        """The groups that share limits with a new job of a user, which would be the last of each."""
        found = self.counts(owner, user)
        whole = LimitGroup(running=found["running"], limit=limits.running, position=found["queued"])
        if user == owner:
            return (whole,)
        return whole, LimitGroup(
            running=found["user_running"], limit=limits.user_running, position=found["user_queued"]
        )


def _place(answer: Sequence[Any]) -> QueuePlace | None:
    """The place in an answer of look.lua; None: the job is not queued."""
    if len(answer) < 4:
        return None
    groups = (answer[start : start + 3] for start in range(4, len(answer), 3))
    return QueuePlace(
        position=answer[3],
        groups=tuple(
            LimitGroup(running=running, limit=None if limit < 0 else limit, position=position)
            for running, limit, position in groups
        ),
    )
