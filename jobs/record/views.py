"""What the web face reads besides the records: one round trip each, and one blocking read for all who watch."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jobs.limits import Limits
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.store import JobStore, logged, or_empty, record_of
from jobs.record.types import LimitGroup, LoggedEvent, QueuePlace, Record

#: Seconds that the key of a nudge lives.
_NUDGE_SECONDS: Final = 60
#: The longest record that is remembered between looks, in bytes of JSON.
_SEEN_BYTES: Final = 8 << 10


class JobViews:
    """Reads for the web face.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot be reached.

    Args:
        connection: To Redis.
        store: The records.
        remembered: Records that are remembered between looks.
    """

    def __init__(self, connection: Connection, store: JobStore, remembered: int = 1024) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._store = store
        self._remembered = remembered
        self._limits = [or_empty(store.limits.running), or_empty(store.limits.user_running)]
        # Whoever polls asks for the same jobs again and again, and mostly nothing has happened.
        self._seen: OrderedDict[str, Record] = OrderedDict()

    def look(self, job_id: str) -> tuple[Record, QueuePlace | None]:
        """A job, and where it stands (None where it is not queued).

        One round trip. A record that has not changed since the last look is the same object again.

        Raises:
            JobNotFound: There is none.
            JobGone: There was one.
        """
        known = self._seen.get(job_id)
        answer = self._connection.run("look", job_id, "" if known is None else known.event_id, *self._limits)
        if answer is None:
            return self._store.get(job_id), None
        version, event_id, doc = answer[:3]
        if doc is None and known is not None:
            return known, _place(answer)
        record = record_of((doc, version, event_id))
        if record is None:
            return self._store.get(job_id), None
        if len(doc) <= _SEEN_BYTES:
            self._seen[job_id] = record
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return record, _place(answer)

    def places(self, records: Iterable[Record]) -> dict[str, QueuePlace]:
        """Where each of the jobs stands; those that are not queued are left out."""
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
        now = round(self._connection.now() * 1000)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for party in (owner, user or owner):
                pipe.zcard(keys.waiting(party))
                pipe.scard(keys.held(party))
            pipe.zcount(keys.streams(owner), now, "+inf")
            queued, running, user_queued, user_running, streams = pipe.execute()
        found = {"queued": queued, "running": running, "streams": streams}
        return found if user is None else {**found, "user_queued": user_queued, "user_running": user_running}

    def groups(self, owner: str, user: str, limits: Limits) -> tuple[LimitGroup, ...]:
        """The groups that a new job of a user would be the last of."""
        found = self.counts(owner, user)
        whole = LimitGroup(running=found["running"], limit=limits.running, position=found["queued"])
        if user == owner:
            return (whole,)
        return whole, LimitGroup(
            running=found["user_running"], limit=limits.user_running, position=found["user_queued"]
        )


class Nudge:
    """Ends a blocking read early, because it has to read something else from now on.

    A small stream that the read also reads: unlike a signal it cannot come
    too early.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._name = secrets.token_hex(8)
        self._seen = "0"

    def send(self) -> None:
        """End the read that runs now, or the next one."""
        key = keys.nudge(self._name)
        with available():
            pipe = self._connection.redis.pipeline(transaction=False)
            pipe.xadd(key, {"n": b""}, maxlen=1)
            pipe.expire(key, _NUDGE_SECONDS)
            pipe.execute()

    def wait_events(self, cursors: Mapping[str, str], timeout: float) -> Mapping[str, Sequence[LoggedEvent]]:
        """Block until one of many jobs has news, or a nudge comes.

        Args:
            cursors: The last event id seen of each job.
            timeout: Seconds, at most 4.

        Returns:
            The new events of the jobs that have some, oldest first.
        """
        key = keys.nudge(self._name)
        streams = {keys.events(job_id): after for job_id, after in cursors.items()}
        found = self._connection.read({**streams, key: self._seen}, timeout, count=100)
        nudges = found.pop(key, [])
        if nudges:
            self._seen = nudges[-1][0].decode()
        start = len(keys.events(""))
        return {name[start:]: logged(entries) for name, entries in found.items()}


def _place(answer: Sequence[Any]) -> QueuePlace | None:
    """Where the job of an answer of look.lua stands."""
    if len(answer) < 4:  # without a position it is not queued
        return None
    groups = (answer[start : start + 3] for start in range(4, len(answer), 3))
    return QueuePlace(
        position=answer[3],
        groups=tuple(
            LimitGroup(running=running, limit=None if limit < 0 else limit, position=position)
            for running, limit, position in groups
        ),
    )
