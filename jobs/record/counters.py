"""The counts of workers and the scheduler (:mod:`jobs.metrics`), on their way to ``/metrics`` of the web face.

Those processes have no HTTP port. Each adds what it has counted since its last beat or round to the sums in Redis, and
the web face shows the sums. So a sum goes on when a process is replaced, and there is one for all processes of a kind.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from jobs.errors import StoreUnavailable
from jobs.metrics import Metric
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available

log = logging.getLogger(__name__)

#: One number: the metric's name, its part (empty; of a histogram "sum" or the upper bound of a bucket), and the values
#: of its labels.
Series = tuple[str, ...]
_series = msgspec.json.Decoder(Series)


class Counters:
    """The counts of one process. Safe to use from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._counts: defaultdict[Series, float] = defaultdict(float)

    def add(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Count something."""
        with self._lock:
            self._counts[metric.name, "", *labels] += by

    def observe(self, metric: Metric, *labels: str, seconds: float) -> None:
        """Put a duration into a histogram."""
        place = bisect_left(metric.buckets, seconds)
        bound = str(metric.buckets[place]) if place < len(metric.buckets) else "+Inf"
        with self._lock:
            self._counts[metric.name, bound, *labels] += 1
            self._counts[metric.name, "sum", *labels] += seconds

    def flush(self) -> None:
        """Add the counts to the sums in Redis. While Redis cannot serve, they are kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(float)
        if not counts:
            return
        try:
            with available():
                pipe = self._connection.redis.pipeline(transaction=True)
                for series, count in counts.items():
                    pipe.hincrbyfloat(keys.METRICS, msgspec.json.encode(series).decode(), count)
                pipe.execute()
        except StoreUnavailable as error:
            log.debug("counts are kept for later: %s", error)
            with self._lock:
                for series, count in counts.items():
                    self._counts[series] += count


def read(connection: Connection) -> Mapping[Series, float]:
    """The sums of all processes.

    Raises:
        StoreUnavailable: Redis cannot serve.
    """
    with available():
        rows = connection.redis.hgetall(keys.METRICS)
    return {_series.decode(series): float(count) for series, count in rows.items()}
