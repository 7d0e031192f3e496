"""What one attempt lets all others know of its provider."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.model import Attempt, Failure, Job
from jobs.record.types import Proof
from jobs.scheduling import circuits, health
from jobs.scheduling.health import Health
from worker.attempts import outcome
from worker.attempts.parts import Parts


class ProviderReport:
    """Reports that a provider works, how long it took, and why it failed; and whose job showed it.

    A report that Redis does not take does no harm to the job; only :meth:`failed` may raise.
    """

    def __init__(self, parts: Parts, job: Job, entry: Attempt) -> None:
        self._store = parts.store
        self._providers = parts.providers
        self._measurements = parts.measurements
        self._job = job
        self._entry = entry
        self._counters = parts.counters
        self._is_proven = False
        self._began_at = time.monotonic()
        self._generating_at: float | None = None
        self._is_asked = False
        self._subject = circuits.subject_of(job.owner, job.account)

    def asks(self) -> None:
        """The provider is asked from now on: what was before, such as the download of a user's image, was not its."""
        self._began_at = time.monotonic()
        self._is_asked = True

    def proof(self) -> Proof | None:
        """Once: what lets other jobs follow to the provider, since it does what it is asked for. Then None."""
        if self._is_proven:
            return None
        self._is_proven = True
        return Proof(provider=self._entry.provider, since=self._entry.started_at, account=self._job.account)

    def known(self) -> Health:
        """What was measured of the provider; nothing, where Redis cannot serve."""
        with suppress(StoreUnavailable):
            return self._measurements.known(self._entry.provider)
        return Health()

    def generates(self) -> None:
        """Once: the attempt has waited, and runs from now on."""
        self._generating_at = self._generating_at or time.monotonic()

    def succeeded(self) -> None:
        """The attempt has its result: measure how long it took."""
        waited, ran = self._times()
        self._measure(lambda record, at: health.succeeded(record, waited, ran, at, self._subject))

    def outrun(self) -> None:
        """Another attempt was faster: this one would have taken at least as long as it took so far."""
        if not self._is_asked:
            return
        waited, ran = self._times()
        self._measure(lambda record, at: health.outrun(record, waited, ran, at, self._subject))

    def _times(self) -> tuple[float, float]:
        """Seconds of waiting and of running until now."""
        generating = self._generating_at or self._began_at
        return generating - self._began_at, time.monotonic() - generating

    def ended(self, counted: str) -> None:
        """Count an attempt that has ended."""
        seconds = time.monotonic() - self._began_at
        self._counters.add(metrics.ATTEMPTS, self._entry.provider, counted)
        self._counters.observe(metrics.ATTEMPT_SECONDS, self._entry.provider, seconds=seconds)

    def failed(self, failure: Failure) -> None:
        """The attempt failed after the provider was asked; a provider whose quota is used up gets a rest.

        Raises:
            StoreUnavailable: The rest could not be written.
        """
        self._measurements.add(
            self._entry.provider,
            lambda record, at: health.failed(record, failure, at, self._subject),
            is_good=False,
        )
        if failure.code in outcome.COOLING:
            until = self._store.now() + outcome.pause(failure, 1)
            self._providers.rest(self._entry.provider, until, failure.code, self._job.account)

    def _measure(self, change: Callable[[Health, float], Health]) -> None:
        self._measurements.add(self._entry.provider, change, is_good=True)
