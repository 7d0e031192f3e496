"""Bodies that come slowly, or not as their headers say."""

from __future__ import annotations

import gevent
import pytest
from gunicorn.http.errors import InvalidChunkSize, NoMoreData

from web.http.problems import Problem
from web.http.slow_clients import SLOWEST_BYTES, SlowClientGuard


class Drip:
    """A reader that gives so many bytes after so many seconds."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.seconds = seconds

    def read(self, size: int) -> bytes:
        gevent.sleep(self.seconds)
        return b"x" * min(self.count, size)


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, size: int) -> bytes:
        del size
        raise self.error


def test_a_body_that_drips_is_given_up() -> None:
    arrival = SlowClientGuard(Drip(1, 0.3), 0.0)
    with pytest.raises(Problem, match="too_slow"):
        b"".join(arrival.read(1024) for _ in range(100))


def test_a_body_that_flows_may_take_as_long_as_it_needs() -> None:
    arrival = SlowClientGuard(Drip(SLOWEST_BYTES, 0.05), 0.0)
    assert sum(len(arrival.read(1 << 20)) for _ in range(40)) == 40 * SLOWEST_BYTES


@pytest.mark.parametrize("error", [InvalidChunkSize("zz"), NoMoreData(b"")])
def test_a_broken_frame_is_the_clients_fault(error: Exception) -> None:
    with pytest.raises(Problem) as caught:
        SlowClientGuard(Broken(error), 5).read(10)
    assert (caught.value.code, caught.value.status) == ("invalid_input", 400)
