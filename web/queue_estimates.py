"""Why jobs wait, and for how long: the state of providers and workers, read once a second per process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from jobs.model import Job
from jobs.record.job_queue import JobQueue
from jobs.record.types import QueuePlace, Record
from jobs.scheduling.health import percentile
from jobs.scheduling.hedging import hedge_after
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderState, ProviderStates
from jobs.scheduling.wait_reasons import Waiting
from jobs.scheduling.waiting import ProviderView, Situation, explain
from providers.catalog import Catalog


class QueueEstimates:
    """Says why a job waits.

    Args:
        queue: How many jobs there are, and which workers live.
        providers: The states of all providers.
        pauses: Whether the service is paused.
        catalog: The providers.
        clock: Unix seconds by Redis' clock.
        fresh_seconds: How old what it knows of the providers may be.
    """

    def __init__(
        self,
        queue: JobQueue,
        providers: ProviderStates,
        pauses: Pauses,
        catalog: Catalog,
        clock: Callable[[], float],
        fresh_seconds: float,
    ) -> None:
        self._queue = queue
        self._providers = providers
        self._pauses = pauses
        self._catalog = catalog
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._situation = Situation()
        self._fresh_until = 0.0

    def waiting(self, record: Record, place: QueuePlace | None) -> Waiting | None:
        """Why the job does not have its result yet; None if it does not wait."""
        job = record.job
        if job.status.is_terminal or (job.upstream is None and job.status != "queued"):
            return None
        return explain(job, place, self.situation(job), self._clock())

    def situation(self, job: Job | None = None) -> Situation:
        """Providers and worker slots, at most ``fresh_seconds`` old.

        For a job with its own quota: the providers of its route, in their state for that quota, read now.
        """
        common = self._common()
        if job is None or job.account is None:
            return common
        states = self._providers.get([name for name in job.route if name in common.providers], job.account)
        return replace(common, providers={name: _view(state) for name, state in states.items()})

    def _common(self) -> Situation:
        if self._fresh_until <= time.monotonic():
            states = self._providers.get([spec.name for spec in self._catalog.specs() if spec.enabled])
            self._situation = Situation(
                providers={
                    name: _view(state) for name, state in states.items() if state.override.setting != "disabled"
                },
                slots=sum(self._queue.overview().workers.values()),
                paused=self._pauses.queue() is not None,
            )
            self._fresh_until = time.monotonic() + self._fresh_seconds
        return self._situation


def _view(state: ProviderState) -> ProviderView:
    return ProviderView(
        paused=state.paused,
        blocked_until=state.until,
        on_trial=state.on_trial,
        busy=state.in_flight,
        limit=state.limit,
        run_seconds=percentile(state.health.runs, 0.5),
        hedge_after=hedge_after(state.health),
    )
