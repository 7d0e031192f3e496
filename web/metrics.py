"""The metrics in Prometheus' text format: what this process counts, what Redis says now, and what others counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from jobs import metrics
from jobs.metrics import Metric
from jobs.record.counters import Series
from jobs.record.memory import Fill
from jobs.record.types import Overview
from jobs.scheduling.provider_states import ProviderState
from web import request_counts
from web.http.sending import SENDING
from web.streaming.pump import WATCHERS

_OWN: Final = (request_counts.REQUESTS, request_counts.SECONDS, WATCHERS, SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What Redis says, the same from every web process."""

    overview: Overview
    providers: Mapping[str, ProviderState]
    #: Webhook deliveries that have not ended.
    pending: int
    memory: Fill
    #: What workers and schedulers counted.
    sums: Mapping[Series, float]


class _Redis(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Family]:
        """The families."""
        found = self._snapshot
        states = ("queued", "running", "sent", "parked")
        yield _gauge(metrics.JOBS, (((state,), getattr(found.overview, state)) for state in states))
        yield _gauge(metrics.WORKERS, [((), len(found.overview.workers))])
        yield _gauge(metrics.SLOTS, [((), sum(found.overview.workers.values()))])
        providers = found.providers.items()
        yield _gauge(metrics.PROVIDER_JOBS, (((name,), state.in_flight) for name, state in providers))
        yield _gauge(
            metrics.PROVIDER_RESTING,
            (((name,), state.paused or state.until is not None) for name, state in providers),
        )
        yield _gauge(metrics.WEBHOOKS_PENDING, [((), found.pending)])
        yield _gauge(metrics.REDIS_MEMORY, [((), found.memory.used)])
        yield _gauge(metrics.REDIS_MEMORY_LIMIT, [((), found.memory.limit or 0)])
        for metric in metrics.COUNTED:
            yield _counted(metric, found.sums)


def _gauge(metric: Metric, values: Iterable[tuple[tuple[str, ...], float]]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, float(value))
    return family


def _counted(metric: Metric, sums: Mapping[Series, float]) -> Family:
    """The family of a metric that other processes count."""
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels in _labels(metric, sums):
            bounds = [*map(str, metric.buckets), "+Inf"]
            counts = accumulate(sums.get((metric.name, bound, *labels), 0.0) for bound in bounds)
            histogram.add_metric(
                labels, list(zip(bounds, counts, strict=True)), sums.get((metric.name, "sum", *labels), 0.0)
            )
        return histogram
    counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels in _labels(metric, sums):
        counter.add_metric(labels, sums.get((metric.name, "", *labels), 0.0))
    return counter


def _labels(metric: Metric, sums: Mapping[Series, float]) -> Iterator[tuple[str, ...]]:
    """The label values that were counted, each once; none for a metric without labels is the empty row."""
    width = len(metric.labels)
    rows = {series[2:] for series in sums if series[0] == metric.name and len(series) == width + 2}
    yield from sorted(rows) if width else [()]


def exposition(snapshot: Snapshot) -> bytes:
    """All metrics."""
    request_counts.flush()
    registry = CollectorRegistry()
    registry.register(_Redis(snapshot))
    if ValueClass is not MutexValue:
        # Several processes serve, and keep their counters in shared files.
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        for metric in _OWN:
            registry.register(metric)
    return generate_latest(registry)
