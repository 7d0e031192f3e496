"""The queue: the jobs to send to workers now, and the jobs whose message, lease, deadline or retention is over."""

from __future__ import annotations

from typing import Final

from jobs.limits import UNLIMITED, Limits
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.types import Overview
from jobs.times import ms

#: Waiting messages that are searched for one that may be lost. Where more wait, a job may be sent twice: no harm.
_MESSAGES_READ: Final = 2000
#: Jobs that one call finds late.
_LATE: Final = 500


class JobQueue:
    """The jobs that wait, that are on their way to a worker, and that run.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        connection: To Redis.
        limits: For every API key that does not have its own.
    """

    def __init__(self, connection: Connection, *, limits: Limits = UNLIMITED) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._limits = [or_empty(limits.running), or_empty(limits.user_running)]

    def choose(self, most: int = 100, users: int = 200) -> tuple[str, ...]:
        """Choose jobs to send to workers, fairly, as many as there are free slots. The caller publishes them.

        Args:
            most: Jobs at once.
            users: About how many waiting users to examine; the next call continues from there.
        """
        chosen: list[bytes] = self._connection.run("dispatch", most, users, *self._limits)
        return tuple(job_id.decode() for job_id in chosen)

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
            waiting = b"\n".join(self._redis.lrange(keys.MESSAGES, 0, _MESSAGES_READ - 1))
        return tuple(job_id for job_id in late if job_id.encode() not in waiting)

    def lost(self) -> tuple[str, ...]:
        """Running jobs whose lease is over."""
        return self._until(keys.RUNNING, ms(self._connection.now()))

    def overdue(self) -> tuple[str, ...]:
        """Queued jobs whose deadline has passed."""
        return self._until(keys.DEADLINE, ms(self._connection.now()))

    def outlived(self) -> tuple[str, ...]:
        """Finished jobs whose retention is over."""
        return self._until(keys.RETAIN, ms(self._connection.now()))

    def _until(self, key: str, moment: int) -> tuple[str, ...]:
        with available():
            rows = self._redis.zrangebyscore(key, "-inf", moment, start=0, num=_LATE)
        return tuple(row.decode() for row in rows)

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
