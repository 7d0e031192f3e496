"""What attempts work with, and how long they wait for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.files import ArtifactStore
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.health import Health
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.hedging import hedge_after
from providers import Driver
from worker.attempts.request import RequestBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The times of attempts, in seconds; a test hands in shorter ones.

    Args:
        progress: Between two writes of one job's progress or queue position.
        preview: Between two previews of one job that are kept.
        refetch: Until a broken output is fetched once more. Gradio names a file by its content and takes one that is
            there as it is: of two jobs that make the same image, one is answered while the other still writes it (seen
            with Gradio 6).
        hedge_after: For which the first provider runs alone, by what is known of it.
        hedge_retry: Until the worker looks again for a provider that can be the hedge.
        loser: For which a result waits for the losing attempt's cancellation, so that events stay in order.
        stuck: After which an attempt that does not end is left to itself. Its control has shut all that it reads from.
    """

    progress: float = 0.2
    preview: float = 0.4
    refetch: float = 0.7
    hedge_after: Callable[[Health], float] = hedge_after
    hedge_retry: float = 1.0
    loser: float = 1.5
    stuck: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What attempts work with; one per worker process, used by all its threads.

    Args:
        store: The records.
        leases: Their leases.
        driver: Gives the driver of a provider.
        requests: Builds what drivers are asked for.
        artifacts: Where outputs go.
        measures: Where attempts are measured.
        counters: Counts what happens.
        timings: How long attempts wait.
    """

    store: JobStore
    leases: Leases
    driver: Callable[[str], Driver]
    requests: RequestBuilder
    artifacts: ArtifactStore
    measures: HealthStore
    counters: Counters
    timings: Timings = Timings()
