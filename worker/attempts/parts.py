"""What attempts work with, and how long they wait for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.files import OutputStore
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.health_store import HealthStore
from media import DEFAULT_LIMITS, OutputLimits
from providers import Driver
from worker.attempts.measurements import Measurements
from worker.attempts.request import RequestBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The times of attempts, in seconds; a test hands in shorter ones.

    Args:
        progress: Between two writes of one job's progress.
        place: Before its place in the upstream's queue is written once more.
        partial: Between two states of a text that comes bit by bit.
        preview: Between two previews of one job that are kept.
        refetch: Until a broken output is fetched once more. Gradio names a file by its content and takes one that is
            there as it is: of two jobs that make the same image, one is answered while the other still writes it (seen
            with Gradio 6).
        hedge: For which the first provider runs alone; None: by what was measured of it.
        hedge_retry: Until the worker looks again for a provider that can be the hedge.
        loser: For which a result waits for the losing attempt's cancellation, so that events stay in order.
        stuck: After which an attempt that does not end is left to itself. Its control has shut all that it reads from.
    """

    progress: float = 0.2
    place: float = 1.0
    partial: float = 0.25
    preview: float = 0.4
    refetch: float = 0.7
    hedge: float | None = None
    hedge_retry: float = 1.0
    loser: float = 1.5
    stuck: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What attempts work with; one per worker process, used by all its threads."""

    store: JobStore
    leases: Leases
    #: Gives the driver of a provider.
    driver: Callable[[str], Driver]
    requests: RequestBuilder
    artifacts: OutputStore
    #: Where attempts say that a provider works, or rests.
    providers: HealthStore
    #: Where they say how they fared.
    measurements: Measurements
    counters: Counters
    #: The installation's limits of outputs.
    limits: OutputLimits = DEFAULT_LIMITS
    timings: Timings = Timings()
