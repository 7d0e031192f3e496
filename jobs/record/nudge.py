"""One blocking read of the events of many jobs, for all event streams of a process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available
from jobs.record.types import LoggedEvent, logged

#: Seconds that the key of a nudge lives.
_NUDGE_SECONDS: Final = 60


class Nudge:
    """A blocking read of many jobs' events that can be ended early, to read other jobs from then on.

    It is ended through a small stream that it reads too: unlike a signal, that cannot come too early.
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
        """Block until one of many jobs has news after the last event id seen, or a nudge comes, for 4 seconds at most.

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
