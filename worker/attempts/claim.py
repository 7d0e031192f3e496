"""Claims the job of a message, if it can run here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import redis

from jobs import events, metrics
from jobs.errors import JobError
from jobs.model import Failure, Job, Status
from jobs.record.types import Lease
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.errors import UnknownName
from providers.registry import BrokenDriver
from resilience import ForeignError, NoThread, foreign
from worker.attempts.outcome import CRAMPED_SECONDS, after, is_suspect
from worker.attempts.parts import Parts

log = logging.getLogger(__name__)

#: Seconds until a job is tried again whose provider this worker does not have. Workers may run with different
#: configurations, and the next worker may have the provider.
ABSENT_SECONDS: Final = 60.0


#: Raised where this machine has no means now: no memory, no file, no thread. It says nothing about the job.
_OF_THE_MACHINE: Final = (OSError, MemoryError, NoThread)


class Absent(Exception):
    """The provider is unknown, switched off or broken in this worker's configuration."""


class Outdated(Exception):
    """The provider was declared anew while the job waited, and no longer has a parameter of it; the text names those."""


class Suspect(Exception):
    """The job may end the process that runs it (:func:`worker.attempts.outcome.is_suspect`), and is not claimed."""


class _PutOff(Exception):
    """The job was sent for this provider, and is not claimed."""


def _check(job: Job, *, suspects: bool) -> None:
    if not suspects and is_suspect(job):
        raise Suspect


class Claimer:
    """Takes leases, of jobs at providers that this worker has.

    Args:
        parts: Of this process.
        catalog: Gives the newest providers: those by which a job was accepted, or newer ones.
    """

    def __init__(self, parts: Parts, catalog: Callable[[], Catalog]) -> None:
        self._store = parts.store
        self._leases = parts.leases
        self._counters = parts.counters
        self._catalog = catalog

    def claim(self, job_id: str, worker: str, lease_seconds: float, *, suspects: bool = True) -> Lease | None:
        """The lease of the job that a message names; None if there is nothing to run here.

        A job that cannot be claimed must not stay as it is: its message would come again for ever.

        Raises:
            JobError: The record could not be written.
            Suspect: The job is one, and ``suspects`` are not to run here.
        """
        provider = ""
        fault: Exception | None = None

        def inputs(job: Job, chosen: str) -> dict[str, object]:
            nonlocal provider, fault
            provider, fault = chosen, None
            _check(job, suspects=suspects)
            try:
                with foreign(unless=(*_OF_THE_MACHINE, Absent, Outdated)):
                    return self.inputs(job, chosen)
            except ForeignError as error:
                # It is claimed all the same: the end of an attempt knows which provider is next.
                fault = error
                return job.input

        try:
            with foreign(unless=(JobError, redis.RedisError, *_OF_THE_MACHINE, Absent, Outdated, Suspect)):
                lease = self._leases.claim(job_id, worker, lease_seconds, inputs)
        except JobError:
            self._counters.add(metrics.CLAIMS, "unavailable")
            raise
        except redis.RedisError as error:
            # A word of the server that nobody foresaw says nothing about the job. It is sent again.
            log.exception("the job cannot be claimed now")
            raise JobError(f"the database answered in a way that is not foreseen ({type(error).__name__})") from error
        except (*_OF_THE_MACHINE, Absent, Outdated, ForeignError) as error:
            self._unclaimed(job_id, provider, error)
            return None
        if lease is not None and fault is not None:
            self._unprepared(lease, fault)
            return None
        self._counters.add(metrics.CLAIMS, "nothing" if lease is None else "claimed")
        return lease

    def _unclaimed(self, job_id: str, provider: str, error: Exception) -> None:
        """What becomes of a job that was not claimed because of this error."""
        now = self._store.now()
        match error:
            case Absent():
                log.warning("the job waits for its provider: %s", error)
                parked = events.Parked(at=now, reason="no_provider", until=now + ABSENT_SECONDS)
                self._leave(job_id, provider, parked, "absent")
            case Outdated():
                detail = f"while the job waited, {provider} was declared anew without {error}: submit it again"
                failure = Failure(code="provider_changed", detail=detail, provider=provider)
                self._leave(job_id, provider, events.Failed(at=now, error=failure), "outdated")
            case ForeignError():
                log.error("the job cannot be claimed", exc_info=error.__cause__)
                failure = Failure(code="internal", detail="the job could not be claimed; the log says why")
                self._leave(job_id, provider, events.Failed(at=now, error=failure), "broken")
            case _:
                log.warning("the job cannot be prepared now: %s", error)
                self._put_off(job_id, provider, CRAMPED_SECONDS)

    def _unprepared(self, lease: Lease, fault: Exception) -> None:
        """End an attempt whose input could not be made: another provider is asked, if there is one."""
        provider = lease.job.attempts[-1].provider
        log.error("the job cannot be prepared", exc_info=fault.__cause__, extra={"provider": provider})
        detail = "the job could not be prepared for this provider; the log says why"
        failure = Failure(code="internal", detail=detail, retryable=True, provider=provider)
        self._counters.add(metrics.CLAIMS, "broken")
        at = self._store.now()
        self._store.change(lease.job.id, lambda job: after(job, failure, at), fence=lease.fence)

    def put_off(self, job_id: str, seconds: float) -> None:
        """Let a job that was sent wait for so long: it cannot run here now. Others may have its slot meanwhile.

        Raises:
            JobError: The record could not be written.
        """

        def refuse(_: Job, provider: str) -> dict[str, object]:
            raise _PutOff(provider)

        try:
            self._leases.claim(job_id, "", 0, refuse)
        except _PutOff as sent:
            self._put_off(job_id, str(sent), seconds)

    def _put_off(self, job_id: str, provider: str, seconds: float) -> None:
        now = self._store.now()
        parked = events.Parked(at=now, reason="workers_busy", until=now + seconds)
        self._leave(job_id, provider, parked, "put_off")

    def inputs(self, job: Job, provider: str) -> dict[str, object]:
        """The job's input as this provider will use it, with the seed that the job already has.

        Raises:
            Absent: This worker does not have the provider.
            Outdated: The provider no longer has a parameter that the job gives.
        """
        try:
            route = self._catalog().choose(job.model, provider)
        except (UnknownName, BrokenDriver, ConfigError) as error:
            raise Absent(str(error)) from error
        if provider not in route.models:
            raise Absent(f"{provider} is switched off")
        if provider == (job.provider or job.route[0]):
            if lost := [name for name in job.input if route.models[provider].param(name) is None]:
                # Whatever is left out in silence makes a result that nobody asked for.
                raise Outdated(", ".join(lost))
            return job.input
        prepared = route.prepare(provider, job.given)
        return {name: job.input.get(name, value) if name == "seed" else value for name, value in prepared.items()}

    def _leave(self, job_id: str, provider: str, event: events.JobEvent, outcome: str) -> None:
        """Write what becomes of a job that cannot be claimed here, unless it was sent elsewhere meanwhile."""
        self._counters.add(metrics.CLAIMS, outcome)
        self._store.change(job_id, lambda job: event if job.status is Status.QUEUED else None, sent_to=provider)
