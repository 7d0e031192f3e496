"""What a web process counts of itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from jobs import metrics

_REQUESTS = Counter(metrics.HTTP_REQUESTS.name, metrics.HTTP_REQUESTS.help, metrics.HTTP_REQUESTS.labels)
_SECONDS = Histogram(
    metrics.HTTP_SECONDS.name,
    metrics.HTTP_SECONDS.help,
    metrics.HTTP_SECONDS.labels,
    buckets=metrics.HTTP_SECONDS.buckets,
)
WATCHERS: Final = Gauge(metrics.WATCHERS.name, metrics.WATCHERS.help, multiprocess_mode="livesum")
#: All of them.
OWN: Final = (_REQUESTS, _SECONDS, WATCHERS)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer."""
    requests, durations = _series(method if method in _METHODS else "other", route, status)
    requests.inc()
    durations.observe(seconds)


@lru_cache(maxsize=1024)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, route, status), _SECONDS.labels(route)
