"""The counters of requests are written together, and say what one write for each would have said."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from jobs.metrics import HTTP_REQUESTS, HTTP_SECONDS
from web.request_counts import REQUESTS, SECONDS, RequestCounts

ROUTE = "/counted/one-by-one"
#: On a bound, between two, beyond the last, and so short that it counts as nothing.
DURATIONS = (0.0, 1e-6, 0.005, 0.0051, 0.1, 3.0, 60.0, 61.0, 4000.0)


def shown(*collectors: Collector) -> list[str]:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if ROUTE in line and "_created" not in line]


def test_many_at_once_count_as_one_by_one() -> None:
    requests = Counter(HTTP_REQUESTS.name, HTTP_REQUESTS.help, HTTP_REQUESTS.labels, registry=None)
    seconds = Histogram(
        HTTP_SECONDS.name, HTTP_SECONDS.help, HTTP_SECONDS.labels, buckets=HTTP_SECONDS.buckets, registry=None
    )
    counts = RequestCounts()
    for number, taken in enumerate(DURATIONS):
        method, status = ("GET", 200) if number % 2 else ("BREW", 405)
        counts.add(method, ROUTE, status, taken)
        requests.labels("GET" if number % 2 else "other", ROUTE, status).inc()
        seconds.labels(ROUTE).observe(taken)
    assert shown(REQUESTS, SECONDS) == []
    counts.flush()
    assert shown(REQUESTS, SECONDS) == shown(requests, seconds)
    counts.flush()
    assert shown(REQUESTS, SECONDS) == shown(requests, seconds), "each is written once"
