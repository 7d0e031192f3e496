"""Open event streams of each key, counted for all web processes together.

A stream sends heartbeats. One whose process died stops counting soon, so a
crash uses up a key's limit for a short time only.
"""

from __future__ import annotations

import secrets

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available

#: Seconds for which a stream counts after its last heartbeat: three intervals.
LIFE_SECONDS = 45


class OpenStreams:
    """The open streams of each owner, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, owner: str, most: int | None) -> str | None:
        """Count a new stream and return its name; None: the owner has ``most`` streams already."""
        name = secrets.token_hex(8)
        return name if self._count(owner, name, most) else None

    def beat(self, owner: str, name: str) -> None:
        """Send a stream's heartbeat."""
        self._count(owner, name, None)

    def close(self, owner: str, name: str) -> None:
        """Stop counting a stream; closing it again does nothing."""
        with available():
            self._connection.redis.zrem(keys.streams(owner), name)

    def _count(self, owner: str, name: str, most: int | None) -> bool:
        return bool(self._connection.run("stream", owner, name, LIFE_SECONDS * 1000, "" if most is None else most))
