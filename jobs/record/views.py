"""What the web face reads at every poll, in one round trip each."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from jobs.limits import UNLIMITED, Limits
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.job_queue import or_empty
from jobs.record.keys import ms
from jobs.record.outages import available
from jobs.record.reader import JobReader, check_owner, record_of
from jobs.record.types import LimitGroup, QueuePlace, Record
from resilience import survive

log = logging.getLogger(__name__)

#: The longest record that is remembered between looks, in bytes of JSON.
_SEEN_BYTES: Final = 8 << 10


class JobViews:
    """Reads for the web face. ``limits`` are for every API key that does not have its own.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot be reached.
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
        return record, QueuePlace.of(answer)

    def _current(self, known: Record | None, answer: Sequence[Any]) -> Record | None:
        """The record of an answer of look.lua, which leaves out a snapshot that is ``known``."""
        version, event_id, doc = answer[:3]
        if doc is None and known is not None:
            if known.job.id in self._seen:
                self._seen.move_to_end(known.job.id)
            return known
        record = record_of((doc, version, event_id))
        if record is not None and len(doc) <= _SEEN_BYTES:
            self._seen[record.job.id] = record
            self._seen.move_to_end(record.job.id)
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return record

    def looks(self, job_ids: Sequence[str]) -> list[tuple[Record, QueuePlace | None]]:
        """Those of the jobs that exist, as :meth:`look` gives them, in one round trip.

        One that cannot be read is logged, and keeps no other from its list.
        """
        known = [self._seen.get(job_id) for job_id in job_ids]
        asked = [
            (job_id, "" if record is None else record.event_id, *self._limits)
            for job_id, record in zip(job_ids, known, strict=True)
        ]
        found: list[tuple[Record, QueuePlace | None]] = []
        for job_id, before, answer in zip(job_ids, known, self._connection.run_each("look", asked), strict=True):
            with survive(log, "the job's record cannot be read", job_id=job_id):
                record = None if answer is None else self._current(before, answer)
                if record is not None:
                    found.append((record, QueuePlace.of(answer)))
        return found

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
