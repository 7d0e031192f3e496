"""The queue: the jobs to send to workers now, and the jobs whose message, lease, deadline or retention is over."""

from __future__ import annotations

import logging
from collections.abc import Container, Sequence
from typing import Final

from jobs.limits import UNLIMITED, Limits
from jobs.record import keys, messages
from jobs.record.connection import Connection
from jobs.record.keys import ms
from jobs.record.outages import available
from jobs.record.types import Overview

log = logging.getLogger(__name__)

#: Jobs that one step sends at most.
SENT_TOGETHER: Final = 100
#: Waiting messages that are searched for one that may be lost. Where more wait, a job may be sent twice: no harm.
_MESSAGES_READ: Final = 2000
#: Groups, and queued jobs, that one recheck looks at.
_RECHECKED: Final = 200
#: Jobs that one call finds late.
_LATE: Final = 500


class JobQueue:
    """The jobs that wait, that are on their way to a worker, and that run.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve. ``limits`` are for every API key
    that does not have its own.
    """

    def __init__(self, connection: Connection, *, limits: Limits = UNLIMITED) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._limits = [or_empty(limits.running), or_empty(limits.user_running)]

    def choose(self, most: int = SENT_TOGETHER) -> tuple[str, ...]:
        """Choose jobs fairly, as many as there are free slots, and send them to workers in the same step."""
        chosen: list[bytes] = self._connection.run("dispatch", most, *self._limits)
        return tuple(job_id.decode() for job_id in chosen)

    def send_again(self, job_ids: Sequence[str]) -> None:
        """Push the messages of jobs again that were sent."""
        if job_ids:
            self._connection.run("send_again", *job_ids)

    def recheck(self) -> None:
        """Look after what :meth:`choose` relies on: limits that changed, and jobs of an earlier version. Once a second."""
        self._connection.run("recheck", _RECHECKED, *self._limits)

    def unsent(self, older_than: float) -> tuple[str, ...]:
        """Jobs whose message was lost: sent that many seconds ago, not claimed, and no longer waiting at the broker.

        Each that is examined is marked as sent now.
        """
        now = ms(self._connection.now())
        late = self._until(keys.SENT, now - ms(older_than))
        if not late:
            return ()
        with available():
            self._redis.zadd(keys.SENT, dict.fromkeys(late, now), xx=True)
            # The broker's list is as long as there are free slots; a message holds its job's id in plain text.
            waiting = b"\n".join(self._redis.lrange(messages.QUEUE, 0, _MESSAGES_READ - 1))
        return tuple(job_id for job_id in late if job_id.encode() not in waiting)

    def lost(self, besides: Container[str] = ()) -> tuple[str, ...]:
        """Running jobs whose lease is over, ``besides`` those that are named."""
        return self._until(keys.RUNNING, ms(self._connection.now()), besides)

    def overdue(self, besides: Container[str] = ()) -> tuple[str, ...]:
        """Queued jobs whose deadline has passed, ``besides`` those that are named."""
        return self._until(keys.DEADLINE, ms(self._connection.now()), besides)

    def outlived(self, besides: Container[str] = ()) -> tuple[str, ...]:
        """Finished jobs whose retention is over, ``besides`` those that are named."""
        return self._until(keys.RETAIN, ms(self._connection.now()), besides)

    def drop(self, job_id: str) -> None:
        """Take a job that does not exist out of what is looked at again and again."""
        with available():
            for key in (keys.RUNNING, keys.DEADLINE, keys.RETAIN):
                self._redis.zrem(key, job_id)

    def _until(self, key: str, moment: int, besides: Container[str] = ()) -> tuple[str, ...]:
        found: list[str] = []
        read, more = 0, True
        # Those that cannot be repaired may be many, and must not hide the ones behind them.
        while more and len(found) < _LATE:
            with available():
                rows = self._redis.zrangebyscore(key, "-inf", moment, start=read, num=_LATE)
            read, more = read + len(rows), len(rows) == _LATE
            found += [row.decode() for row in self._jobs(key, rows) if row.decode() not in besides]
        return tuple(found[:_LATE])

    def _jobs(self, key: str, rows: Sequence[bytes]) -> list[bytes]:
        """The members that can be jobs. Ids are ASCII; what is not is no job, and is taken out."""
        jobs = [row for row in rows if row.isascii()]
        for row in set(rows) - set(jobs):
            log.error("what is no job is taken out of an index", extra={"index": key, "member": repr(row)[:100]})
            with available():
                self._redis.zrem(key, row)
        return jobs

    def overview(self) -> Overview:
        """How many jobs there are, and which workers live."""
        now = ms(self._connection.now())
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for key in (keys.QUEUED, keys.RUNNING, keys.SENT, keys.DUE):
                pipe.zcard(key)
            pipe.zrangebyscore(keys.WORKERS, now, "+inf")
            pipe.hgetall(keys.SLOTS)
            queued, running, sent, parked, workers, slots = pipe.execute()
        return Overview(queued, running, sent, parked, {name.decode(): int(slots.get(name, 0)) for name in workers})


def or_empty(limit: int | None) -> int | str:
    """A limit as the scripts take it."""
    return "" if limit is None else limit
