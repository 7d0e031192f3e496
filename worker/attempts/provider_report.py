"""What one attempt lets all others know of its provider."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.model import Attempt, Failure, Job
from jobs.scheduling import health
from jobs.scheduling.health import Health
from worker.attempts import retry
from worker.attempts.parts import Parts

log = logging.getLogger(__name__)


class ProviderReport:
    """Reports that a provider works, how long it took, and why it failed.

    A report that Redis does not take does no harm to the job; only :meth:`failed` may raise.

    Args:
        parts: Where to report to.
        job: The job that runs there.
        entry: The attempt's entry in the ledger.
    """

    def __init__(self, parts: Parts, job: Job, entry: Attempt) -> None:
        self._store = parts.store
        self._measures = parts.measures
        self._job = job
        self._entry = entry
        self._counters = parts.counters
        self._works = False

    def works(self) -> None:
        """Once: let other jobs follow to the provider, since it does what it is asked for."""
        if self._works:
            return
        self._works = True
        with suppress(StoreUnavailable):
            self._measures.works(self._entry.provider, self._entry.started_at, self._job.account)

    def revision(self) -> str | None:
        """The commit of the provider's Space, where that is known."""
        with suppress(StoreUnavailable):
            return self._measures.get([self._entry.provider])[self._entry.provider].revision
        return None

    def succeeded(self, waited: float, ran: float) -> None:
        """The attempt has its result after these seconds of waiting and running."""
        self._measure(lambda record, at: health.succeeded(record, waited, ran, at))

    def ended(self, outcome: str, seconds: float) -> None:
        """Count an attempt that has ended."""
        self._counters.add(metrics.ATTEMPTS, self._entry.provider, outcome)
        self._counters.observe(metrics.ATTEMPT_SECONDS, self._entry.provider, seconds=seconds)

    def outrun(self, waited: float, ran: float) -> None:
        """Another attempt was faster: this one would have taken at least these seconds."""
        self._measure(lambda record, at: health.outrun(record, waited, ran, at))

    def failed(self, failure: Failure) -> None:
        """The attempt failed by the provider's fault; a provider whose quota is used up gets a rest.

        Raises:
            StoreUnavailable: The rest could not be written.
        """
        self._measure(lambda record, at: health.failed(record, failure, at))
        if failure.code in retry.COOLING:
            until = self._store.now() + retry.pause(failure, 1)
            self._measures.rest(self._entry.provider, until, failure.detail, self._job.account)

    def _measure(self, change: Callable[[Health, float], Health]) -> None:
        try:
            self._measures.update(self._entry.provider, change)
        except StoreUnavailable:
            log.debug("not measured", extra={"provider": self._entry.provider})
