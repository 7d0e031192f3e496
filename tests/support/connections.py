"""A connection to Redis whose clock a test sets ahead, and whose answers a test loses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fakeredis
import redis

from jobs.errors import StoreUnavailable
from jobs.record.connection import Connection


class RiggedConnection(Connection):
    """A connection for tests.

    Args:
        client: An empty database of its own where none is given.
    """

    def __init__(self, client: redis.Redis | None = None, **options: Any) -> None:
        super().__init__(fakeredis.FakeRedis() if client is None else client, **options)
        #: Seconds that the server's clock is ahead.
        self.ahead = 0.0
        #: Scripts whose first answer is lost, so that redis-py sends them again.
        self.lost_answers: set[str] = set()
        #: Whether the server takes no writes.
        self.is_read_only = False

    def now(self) -> float:
        """The server's clock, set ahead."""
        return round(super().now() + self.ahead, 3)

    def check_writes(self) -> None:
        """Fail where the server takes no writes."""
        if self.is_read_only:
            raise StoreUnavailable("the job store takes no writes (READONLY)")
        super().check_writes()

    def run(self, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> Any:
        """Run a script; twice where its first answer is lost."""
        if script in self.lost_answers:
            super().run(script, *args, keys=keys)
        return super().run(script, *args, keys=keys)
