"""Counters of this process and counts of the scheduler, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from jobs.record.types import Overview
from jobs.scheduling.provider_states import ProviderState

_requests = Counter("darkroom_http_requests", "Answered requests.", ("method", "route", "status"))
_seconds = Histogram(
    "darkroom_http_request_seconds",
    "Time to the first byte of an answer.",
    ("route",),
    buckets=(0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0),
)
watchers = Gauge("darkroom_watchers", "Open event streams and waits.", multiprocess_mode="livesum")


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer."""
    requests, durations = _series(method if method in _METHODS else "other", route, status)
    requests.inc()
    durations.observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})


@lru_cache(maxsize=1024)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, status), _seconds.labels(route)


class _Scheduler(Collector):
    """What the scheduler sees; the same from every process."""

    def __init__(self, overview: Overview, providers: dict[str, ProviderState]) -> None:
        self._overview = overview
        self._providers = providers

    def collect(self) -> Iterable[Metric]:
        """The families."""
        jobs = GaugeMetricFamily("darkroom_jobs", "Jobs that have not ended.", labels=("state",))
        for state in ("queued", "running", "sent", "parked"):
            jobs.add_metric((state,), getattr(self._overview, state))
        yield jobs
        yield GaugeMetricFamily("darkroom_workers", "Live workers.", value=len(self._overview.workers))
        yield GaugeMetricFamily(
            "darkroom_slots", "Jobs that they can run at once.", value=sum(self._overview.workers.values())
        )
        flight = GaugeMetricFamily("darkroom_provider_jobs", "Jobs at a provider.", labels=("provider",))
        resting = GaugeMetricFamily(
            "darkroom_provider_resting", "1 while a provider gets no jobs.", labels=("provider",)
        )
        for name, state_of in self._providers.items():
            flight.add_metric((name,), state_of.in_flight)
            resting.add_metric((name,), float(state_of.paused or state_of.until is not None))
        yield flight
        yield resting


def exposition(overview: Overview, providers: dict[str, ProviderState]) -> bytes:
    """All metrics in Prometheus' text format.

    Args:
        overview: What the scheduler sees.
        providers: What it knows of the providers.
    """
    registry = CollectorRegistry()
    registry.register(_Scheduler(overview, providers))
    if ValueClass is not MutexValue:
        # Several processes serve, and keep their counters in shared files.
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        for metric in (_requests, _seconds, watchers):
            registry.register(metric)
    return generate_latest(registry)
