"""Windows that slide: in Redis and in a process, by the same rules."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from jobs.access.rates import LocalRates, Rates, Window, read_window, submit_windows, wait_windows
from jobs.access.streams import LIFE_SECONDS, OpenStreams
from jobs.limits import UNLIMITED, Limits
from jobs.record import keys
from jobs.record.connection import Connection, connect
from tests.support.eventually import eventually

SUBMIT = Window("submit", "submits_per_minute", 5, 60)
INPUT = Window("input", "input_bytes_per_day", 1000, 86_400, "content-bytes")


@pytest.fixture
def counted(connection: Connection) -> Rates:
    return Rates(connection)


def test_limits_become_windows() -> None:
    submits, size = submit_windows(Limits(submits_per_minute=7))
    assert (submits.name, submits.quota, submits.seconds, size.quota) == ("submit", 7, 60, None)
    assert read_window(UNLIMITED).quota is None


# -- in Redis --------------------------------------------------------------------


def test_a_quota_is_what_goes_through(counted: Rates) -> None:
    left = []
    for _ in range(5):
        spent = counted.spend("o", [(SUBMIT, 1)])
        left.append(spent.states[0].remaining)
    assert left == [4, 3, 2, 1, 0]
    refused = counted.spend("o", [(SUBMIT, 1)])
    assert (refused.refused, refused.states[0].remaining) == (SUBMIT, 0)
    assert refused.wait is not None
    assert 1 <= refused.wait <= 120
    assert 1 <= refused.states[0].resets_in <= 60
    assert counted.spend("other", [(SUBMIT, 1)]).refused is None


def test_a_request_is_counted_in_all_windows_or_in_none(counted: Rates) -> None:
    assert counted.spend("o", [(SUBMIT, 1), (INPUT, 900)]).refused is None
    refused = counted.spend("o", [(SUBMIT, 1), (INPUT, 200)])
    assert refused.refused == INPUT
    assert [standing.remaining for standing in refused.states] == [4, 100]
    assert counted.spend("o", [(SUBMIT, 1), (INPUT, 100)]).states[1].remaining == 0


def test_looking_counts_nothing(client: redis.Redis, counted: Rates) -> None:
    for _ in range(3):
        assert counted.spend("o", [(SUBMIT, 0)]).states[0].remaining == 5
    assert not list(client.scan_iter("dr:rate:*"))


def test_what_is_more_than_the_quota_never_goes_through(counted: Rates) -> None:
    spent = counted.spend("o", [(SUBMIT, 1), (INPUT, 1001)])
    assert (spent.refused, spent.wait) == (INPUT, None)


def test_a_lowered_quota_leaves_nothing_and_says_so(counted: Rates) -> None:
    counted.spend("o", [(SUBMIT, 4)])
    lower = Window("submit", "submits_per_minute", 2, 60)
    assert counted.spend("o", [(lower, 0)]).states[0].remaining == 0
    assert counted.spend("o", [(lower, 1)]).refused == lower


def test_without_a_quota_nothing_is_asked() -> None:
    away = Rates(Connection(connect("redis://127.0.0.1:1")))
    free = Window("submit", "submits_per_minute", None, 60)
    assert away.spend("o", [(free, 1)]).states == ()


def test_what_a_window_holds_comes_free_bit_by_bit_and_is_forgotten(client: redis.Redis, counted: Rates) -> None:
    short = Window("submit", "submits_per_minute", 4, 1)
    start = time.monotonic()
    assert counted.spend("o", [(short, 4)]).refused is None
    refused = counted.spend("o", [(short, 1)])
    assert refused.refused == short
    eventually(lambda: counted.spend("o", [(short, 1)]).refused is None)
    # What is in the window before counts in full at first.
    assert time.monotonic() - start >= 0.2
    assert 0 < int(client.pttl("dr:rate:submit:o")) <= 2000


@pytest.mark.real
def test_a_hundred_at_once_are_never_one_too_many(redis_server: str) -> None:
    client = connect(redis_server)
    client.flushdb()
    counted = Rates(Connection(client))
    window = Window("submit", "submits_per_minute", 37, 86_400)
    with ThreadPoolExecutor(32) as threads:
        passed = list(threads.map(lambda _: counted.spend("o", [(window, 1)]).refused is None, range(100)))
    assert sum(passed) == 37
    client.close()


# -- in a process ----------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 6000.0

    def __call__(self) -> float:
        return self.now


def test_a_process_counts_alike() -> None:
    clock = Clock()
    local = LocalRates(clock)
    assert [local.spend("o", SUBMIT).states[0].remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    refused = local.spend("o", SUBMIT)
    # A whole window, and then a fifth of the next until one of five does not count any more.
    assert (refused.refused, refused.wait) == (SUBMIT, 72)
    assert local.spend("other", SUBMIT).refused is None
    clock.now += refused.wait or 0
    assert local.spend("o", SUBMIT).refused is None
    assert local.spend("o", SUBMIT).refused == SUBMIT
    clock.now += 120
    assert local.spend("o", SUBMIT, 0).states[0].remaining == 5


def test_a_process_remembers_so_many_owners() -> None:
    local = LocalRates(remembered=3)
    for number in range(10):
        local.spend(f"o{number}", SUBMIT)
    left = {name: local.spend(name, SUBMIT, 0).states[0].remaining for name in ("o9", "o8", "o7", "o6")}
    assert left == {"o9": 4, "o8": 4, "o7": 4, "o6": 5}


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 4)), max_size=60), st.integers(1, 9))
def test_a_window_holds_less_than_twice_its_quota_and_who_waits_gets_in(steps: list[Any], quota: int) -> None:
    """At any instant; and the wait that was named is enough, where nobody else comes."""
    clock, window = Clock(), Window("w", "w", quota, 60)
    local = LocalRates(clock)
    passed: deque[float] = deque()
    for pause, count in steps:
        clock.now += pause
        for _ in range(count):
            spent = local.spend("o", window)
            if spent.refused is not None:
                assert spent.wait is not None
                clock.now += spent.wait + 0.001
                assert local.spend("o", window).refused is None
            passed.append(clock.now)
            while passed[0] <= clock.now - 60:
                passed.popleft()
            assert len(passed) <= max(1, 2 * quota - 1)


@pytest.mark.parametrize(
    ("now", "before", "passed", "room", "windows"),
    [(5, 0, 0.0, 4, 1.2), (0, 10, 0.25, 5, 0.25), (3, 10, 0.9, 4, 0.0), (4, 9, 0.5, 0, 1.5)],
)
def test_the_wait_is_until_enough_has_left_the_window(
    now: int, before: int, passed: float, room: int, windows: float
) -> None:
    assert wait_windows(now, before, passed, room) == pytest.approx(windows)


# -- streams ---------------------------------------------------------------------


def test_streams_are_counted_over_all_processes(connection: Connection) -> None:
    one, two = OpenStreams(connection), OpenStreams(connection)
    first = one.open("o", 2)
    assert first
    assert two.open("o", 2)
    assert one.open("o", 2) is None
    assert one.open("p", 2)
    one.close("o", first)
    one.close("o", first)
    assert two.open("o", 2)
    assert two.open("o", None), "without a limit any number"


def test_a_stream_without_a_sign_of_life_counts_no_more(connection: Connection, client: redis.Redis) -> None:
    streams = OpenStreams(connection)
    dead, alive = streams.open("o", None), streams.open("o", None)
    assert dead
    assert alive
    # As after three quarters of a minute, in which one of them was quiet.
    client.zadd(keys.streams("o"), {dead: 1.0})
    streams.beat("o", alive)
    assert streams.open("o", 2)
    assert client.zscore(keys.streams("o"), dead) is None
    assert 0 < int(client.pttl(keys.streams("o"))) <= LIFE_SECONDS * 1000
