"""Event streams that a key has open, counted for all web processes together.

A stream gives a sign of life; one whose process died is forgotten when that is
over, so a crash never takes a key's streams away for long.
"""

from __future__ import annotations

import secrets

import redis

from jobs.record import keys
from jobs.record.store import available, or_empty, source

#: Seconds that a stream counts without a sign of life: three heartbeats.
LIFE_SECONDS = 45


class OpenStreams:
    """The open streams of each owner, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        client: A connection that does not decode answers.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._script = client.register_script(source("stream"))

    def open(self, owner: str, most: int | None) -> str | None:
        """Count a stream more, and give its name; None where the owner has ``most`` already."""
        name = secrets.token_hex(8)
        with available():
            return name if self._script(args=[owner, name, LIFE_SECONDS * 1000, or_empty(most)]) else None

    def beat(self, owner: str, name: str) -> None:
        """A stream's sign of life."""
        with available():
            self._script(args=[owner, name, LIFE_SECONDS * 1000, ""])

    def close(self, owner: str, name: str) -> None:
        """Count it no more; again does nothing."""
        with available():
            self._redis.zrem(keys.streams(owner), name)
