"""Counts of several processes come together in Redis, and none is lost while it is away."""

from __future__ import annotations

import re

import fakeredis
import pytest

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.metrics import ATTEMPT_SECONDS, ATTEMPTS, LEASES_LOST
from jobs.record.counters import Counters, read
from tests.support.connections import RiggedConnection

ALL = (*metrics.OF_WEB, *metrics.OF_REDIS, *metrics.COUNTED)


@pytest.fixture
def connection() -> RiggedConnection:
    return RiggedConnection()


def test_the_sums_are_those_of_all_processes_and_outlive_them(connection: RiggedConnection) -> None:
    for _ in range(2):
        counters = Counters(connection)
        counters.add(ATTEMPTS, "flux", "succeeded")
        counters.add(ATTEMPTS, "flux", "provider_busy", by=2)
        counters.flush()
        counters.flush()
    assert read(connection) == {
        ("darkroom_attempts_total", "", "flux", "succeeded"): 2.0,
        ("darkroom_attempts_total", "", "flux", "provider_busy"): 4.0,
    }


def test_a_duration_falls_into_the_first_bucket_that_holds_it(connection: RiggedConnection) -> None:
    counters = Counters(connection)
    for seconds in (0.25, 1.0, 1.25, 1e6):
        counters.observe(ATTEMPT_SECONDS, "flux", seconds=seconds)
    counters.flush()
    name = ATTEMPT_SECONDS.name
    assert read(connection) == {
        (name, "1.0", "flux"): 2.0, (name, "2.5", "flux"): 1.0, (name, "+Inf", "flux"): 1.0, (name, "sum", "flux"): 1000002.5,
    }  # fmt: skip


def test_counts_are_kept_while_redis_is_away() -> None:
    server = fakeredis.FakeServer()
    connection = RiggedConnection(fakeredis.FakeRedis(server=server))
    counters = Counters(connection)
    counters.add(LEASES_LOST)
    server.connected = False
    counters.flush()
    with pytest.raises(StoreUnavailable):
        read(connection)
    counters.add(LEASES_LOST)
    server.connected = True
    counters.flush()
    assert read(connection) == {("darkroom_leases_lost_total", ""): 2.0}


def test_names_are_those_that_prometheus_wants() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert re.fullmatch(r"darkroom_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(metric.buckets)
        assert metric.help.endswith(".")
