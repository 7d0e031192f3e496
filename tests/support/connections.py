"""A connection to Redis whose clock a test sets ahead, and whose answers a test loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import fakeredis
import redis

from jobs.errors import StoreUnavailable
from jobs.record.connection import Connection

T = TypeVar("T")


class RiggedConnection(Connection):
    """A connection for tests.

    Args:
        client: An empty database of its own where none is given.
    """

    def __init__(self, client: redis.Redis | None = None, **options: Any) -> None:
        super().__init__(fakeredis.FakeRedis() if client is None else client, **options)
        #: Seconds that the server's clock is ahead.
        self.ahead = 0.0
        #: Seconds by which the server's clock was set, as it tells when it is asked.
        self.set_by = 0.0
        #: What happens between a batch's transaction and its repetition by redis-py, which lost the answer.
        self.before_repetition: Callable[[], object] | None = None
        #: Scripts whose first answer is lost, so that redis-py sends them again.
        self.lost_answers: set[str] = set()
        #: What others do before the script of this name runs next: once, in order.
        self.before: dict[str, list[Callable[[], object]]] = {}
        #: Whether the server takes no writes.
        self.is_read_only = False
        #: Called before each question; what it raises is the answer.
        self.stumble: Callable[[], object] = lambda: None

    def now(self) -> float:
        """The server's clock, set ahead."""
        self.stumble()
        return round(super().now() + self.ahead, 3)

    def clock_offset(self) -> float:
        """The server's clock against this process' own, as it was set."""
        return super().clock_offset() + self.set_by

    def in_right_database(self, run: Callable[[str], list[T]]) -> list[T]:
        """Run a script or transaction; twice where something is to happen in between."""
        answer = super().in_right_database(run)
        if self.before_repetition is None:
            return answer
        between, self.before_repetition = self.before_repetition, None
        between()
        return super().in_right_database(run)

    def check_writes(self) -> None:
        """Fail where the server takes no writes."""
        self.stumble()
        if self.is_read_only:
            raise StoreUnavailable("the job store takes no writes (READONLY)")
        super().check_writes()

    def run(self, script: str, *args: str | bytes | float, keys: Sequence[str] = ()) -> Any:
        """Run a script, after what others do before; twice where its first answer is lost."""
        self.stumble()
        while self.before.get(script):
            self.before[script].pop(0)()
        if script in self.lost_answers:
            super().run(script, *args, keys=keys)
        return super().run(script, *args, keys=keys)
