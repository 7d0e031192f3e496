"""Why jobs wait, and for how long: the state of providers and workers, read once a second per process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from jobs.model import Job, Waiting
from jobs.record.job_queue import JobQueue
from jobs.record.types import QueuePlace, Record
from jobs.scheduling.circuits import subject_of
from jobs.scheduling.health import hedge_after, percentile
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderState, ProviderStates
from jobs.scheduling.waiting import ProviderView, Situation, explain
from providers.live_catalog import LiveCatalog


class QueueEstimates:
    """Says why a job waits, by Redis' clock and by what was known of the providers at most ``fresh_seconds`` ago."""

    def __init__(
        self,
        queue: JobQueue,
        providers: ProviderStates,
        pauses: Pauses,
        live: LiveCatalog,
        clock: Callable[[], float],
        fresh_seconds: float,
    ) -> None:
        self._queue = queue
        self._providers = providers
        self._pauses = pauses
        self._live = live
        self._clock = clock
        self._fresh_seconds = fresh_seconds
        self._states: Mapping[str, ProviderState] = {}
        self._situation = Situation()
        #: By the providers of a job, and by who answers for it: most jobs share them.
        self._narrowed: dict[tuple[tuple[str, ...], str], Situation] = {}
        self._fresh_until = 0.0

    def waiting(self, record: Record, place: QueuePlace | None) -> Waiting | None:
        """Why the job does not have its result yet; None if it does not wait."""
        job = record.job
        if not self.may_wait(job):
            return None
        return explain(job, place, self.situation(job), self._clock())

    @staticmethod
    def may_wait(job: Job) -> bool:
        """Whether a job as it stands may wait for something."""
        return job.status == "queued" or (job.upstream is not None and not job.status.is_terminal)

    def situation(self, job: Job | None = None) -> Situation:
        """Providers and worker slots, at most ``fresh_seconds`` old.

        For a job: the providers of its route, as they take jobs of its owner; for one with its own quota in their
        state for that quota, read now.
        """
        common = self._common()
        if job is None:
            return common
        subject = subject_of(job.owner, job.account)
        if job.account is not None:
            route = [name for name in job.route if name in common.providers]
            return _narrowed(common, self._providers.get(route, job.account), subject)
        found = self._narrowed.get((job.route, subject))
        if found is None:
            states = {name: self._states[name] for name in job.route if name in common.providers}
            found = self._narrowed[job.route, subject] = _narrowed(common, states, subject)
        return found

    def _common(self) -> Situation:
        if self._fresh_until <= time.monotonic():
            states = self._providers.get([spec.name for spec in self._live.current.specs() if spec.enabled])
            self._states, self._narrowed = states, {}
            self._situation = Situation(
                providers={
                    name: _view(state) for name, state in states.items() if state.override.setting != "disabled"
                },
                slots=sum(self._queue.overview().workers.values()),
                paused=self._pauses.queue() is not None,
            )
            self._fresh_until = time.monotonic() + self._fresh_seconds
        return self._situation


def _narrowed(common: Situation, states: Mapping[str, ProviderState], subject: str) -> Situation:
    return replace(common, providers={name: _view(state, subject) for name, state in states.items()})


def _view(state: ProviderState, subject: str = "") -> ProviderView:
    return ProviderView(
        paused=state.paused,
        blocked_until=state.until_for(subject),
        on_trial=state.on_trial,
        busy=state.in_flight,
        limit=state.limit,
        run_seconds=percentile(state.health.runs, 0.5),
        hedge_after=hedge_after(state.health),
    )
