"""The counters of answered requests: kept in memory, and written once a second to the files that all processes share.

A counter and a histogram for each answer cost as much as the answer of a status poll. So ``/metrics`` of another process
may be a second behind, and a process that is killed takes its last second with it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Counter, Histogram

from jobs.metrics import HTTP_REQUESTS, HTTP_SECONDS

#: Those of our routes; any other, which a client may make up, is counted as `other`.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})


class _Durations(Histogram):
    """A histogram that takes many durations at once: the library has no call for it."""

    def observe_many(self, total: float, counts: Sequence[int]) -> None:
        """Add durations: their sum, and how many fell into each bucket."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


REQUESTS: Final = Counter(HTTP_REQUESTS.name, HTTP_REQUESTS.help, HTTP_REQUESTS.labels)
SECONDS: Final = _Durations(HTTP_SECONDS.name, HTTP_SECONDS.help, HTTP_SECONDS.labels, buckets=HTTP_SECONDS.buckets)


@dataclass(slots=True)
class _Pending:
    """Answers that have not been written yet, of one method, route and status."""

    total: float = 0.0
    #: Of each bucket, and of the last one without a bound.
    counts: list[int] = field(default_factory=lambda: [0] * (len(HTTP_SECONDS.buckets) + 1))


class RequestCounts:
    """Counts answers until they are written. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str, int], _Pending] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        method = method if method in _METHODS else "other"
        place = bisect_left(HTTP_SECONDS.buckets, seconds)
        with self._lock:
            pending = self._pending.get((method, route, status))
            if pending is None:
                pending = self._pending[method, route, status] = _Pending()
            pending.total += seconds
            pending.counts[place] += 1

    def flush(self) -> None:
        """Write what was counted."""
        with self._lock:
            found, self._pending = self._pending, {}
        for (method, route, status), pending in found.items():
            REQUESTS.labels(method, route, status).inc(sum(pending.counts))
            SECONDS.labels(route).observe_many(pending.total, pending.counts)


_counts: Final = RequestCounts()
count: Final = _counts.add
flush: Final = _counts.flush
