"""What the web face reads besides the records: one round trip each, and one blocking read for all who watch."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from jobs.limits import Limits
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.store import JobStore, logged, or_empty, record_of
from jobs.record.types import Crowd, LoggedEvent, Place, Record
from jobs.scheduling.health import Health
from jobs.scheduling.pauses import Control, control_of

_health = msgspec.json.Decoder(Health)

#: What is read of a quota, and of a provider; there the last three are its :class:`jobs.scheduling.pauses.Control`.
_QUOTA_FIELDS: Final = ("until", "reason", "works", "scouted")
_FIELDS: Final = ("limit", "health", "wary", "paused", "hold", "cap")
#: Seconds that the key of a nudge lives.
_NUDGE_SECONDS: Final = 60
#: The longest record that is remembered between looks, in bytes of JSON.
_SEEN_BYTES: Final = 8 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """What the scheduler knows of a provider: jobs there now, the most at once, and why it gets none until when."""

    in_flight: int = 0
    limit: int | None = None
    control: Control = field(default_factory=Control)
    until: float | None = None
    reason: str | None = None
    #: One job is there to see whether it works; the others wait for what it finds.
    scouted: bool = False
    health: Health = field(default_factory=Health)

    @property
    def paused(self) -> bool:
        """Whether an operator lets it have no jobs."""
        return self.control.hold is not None


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

    def look(self, job_id: str) -> tuple[Record, Place | None]:
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

    def places(self, records: Iterable[Record]) -> dict[str, Place]:
        """Where each of the jobs stands; those that are not queued are left out."""
        looked = list(records)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for record in looked:
                self._connection.queue(pipe, "look", record.job.id, record.event_id, *self._limits)
            answers = pipe.execute() if looked else []
        places = ((record.job.id, _place(answer or ())) for record, answer in zip(looked, answers, strict=True))
        return {job_id: place for job_id, place in places if place is not None}

    def providers(self, names: Sequence[str], account: str | None = None) -> dict[str, ProviderState]:
        """What the scheduler knows of the providers; with an account, of its quota there instead of our own."""
        now = round(self._connection.now() * 1000)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hmget(keys.provider(name) if account is None else keys.account(account, name), *_QUOTA_FIELDS)
                pipe.hmget(keys.provider(name), *_FIELDS)
                pipe.scard(keys.busy(name))
            rows = pipe.execute() if names else []
        states = zip(names, rows[::3], rows[1::3], rows[2::3], strict=True)
        return {name: _state(quota, row, busy, now) for name, quota, row, busy in states}

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

    def crowds(self, owner: str, user: str, limits: Limits) -> tuple[Crowd, ...]:
        """The crowds that a new job of a user would be the last of."""
        found = self.counts(owner, user)
        whole = Crowd(running=found["running"], limit=limits.running, position=found["queued"])
        if user == owner:
            return (whole,)
        return whole, Crowd(running=found["user_running"], limit=limits.user_running, position=found["user_queued"])

    def paused(self) -> bool:
        """Whether nothing is sent to any worker for now."""
        with available():
            return bool(self._redis.exists(keys.PAUSED))

    def probe(self) -> None:
        """Write something: reading alone would not show a server that is full or only a replica."""
        self._connection.check_writes()


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


def _place(answer: Sequence[Any]) -> Place | None:
    """Where the job of an answer of look.lua stands."""
    if len(answer) < 4:  # without a position it is not queued
        return None
    crowds = (answer[start : start + 3] for start in range(4, len(answer), 3))
    return Place(
        position=answer[3],
        crowds=tuple(
            Crowd(running=running, limit=None if limit < 0 else limit, position=position)
            for running, limit, position in crowds
        ),
    )


def _state(quota: list[bytes | None], row: list[bytes | None], busy: int, now: int) -> ProviderState:
    until, reason, works, scouted = quota
    limit, measured, wary = row[:3]
    control = control_of(*row[3:])
    health = _health.decode(measured) if measured else Health()
    rests = until is not None and int(until) > now
    opened = None if health.open_until is None or health.open_until * 1000 <= now else health.open_until
    # As dispatch.lua decides it: after a rest the scout is waited for as long as it takes.
    awaited = scouted is not None and (until is not None or int(scouted) + int(wary or 0) > now)
    return ProviderState(
        in_flight=busy,
        limit=control.limit or (int(limit) if limit else None),
        control=control,
        until=max(int(until or 0) / 1000 if rests else 0.0, opened or 0.0) or None,
        reason=reason.decode() if reason and rests else (health.last_error if opened else None),
        scouted=awaited and busy > 0 and not (works is not None and int(works) > now),
        health=health,
    )
