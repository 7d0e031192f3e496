"""The server's clock is known as well as the quickest of its answers tells it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from tests.support.connections import RiggedConnection


class Server:
    """A server whose clock is ahead of ours, and that answers ``delays`` seconds late, then at once.

    A round trip on a busy machine takes longer than its delay, and then the clock is asked for again.
    """

    def __init__(self, ahead: float, delays: list[float]) -> None:
        self._ahead, self._delays = ahead, chain(delays, repeat(0.0))

    def time(self) -> tuple[int, int]:
        """Its clock, read when the question came."""
        now = time.monotonic() + self._ahead
        time.sleep(next(self._delays))
        return int(now), int(now % 1 * 1e6)


@pytest.fixture
def connection() -> Iterator[RiggedConnection]:
    found = RiggedConnection()
    yield found
    found.close()


@pytest.mark.parametrize("delays", [[0.0], [0.2, 0.0], [0.2, 0.3, 0.02]])
def test_a_slow_answer_is_not_trusted(connection: RiggedConnection, delays: list[float]) -> None:
    connection.redis = Server(1000.0, delays)  # type: ignore[assignment]
    assert connection.clock_offset() == pytest.approx(1000.0, abs=0.015)
