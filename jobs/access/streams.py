"""Event streams that a key has open, counted for all web processes together.

A stream gives a sign of life; one whose process died is forgotten when that is
over, so a crash never takes a key's streams away for long.
"""

from __future__ import annotations

import secrets

from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection

#: Seconds that a stream counts without a sign of life: three heartbeats.
LIFE_SECONDS = 45


class OpenStreams:
    """The open streams of each owner, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, owner: str, most: int | None) -> str | None:
        """Count a stream more, and give its name; None where the owner has ``most`` already."""
        name = secrets.token_hex(8)
        return name if self._count(owner, name, most) else None

    def beat(self, owner: str, name: str) -> None:
        """A stream's sign of life."""
        self._count(owner, name, None)

    def close(self, owner: str, name: str) -> None:
        """Count it no more; again does nothing."""
        with available():
            self._connection.redis.zrem(keys.streams(owner), name)

    def _count(self, owner: str, name: str, most: int | None) -> bool:
        return bool(self._connection.run("stream", owner, name, LIFE_SECONDS * 1000, "" if most is None else most))
