"""Claims the job of a message, if it can run here."""

from __future__ import annotations

import logging
from typing import Final

from jobs import events, metrics
from jobs.errors import JobError
from jobs.model import Failure, Job, Status
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.record.types import Lease
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.errors import UnknownName
from providers.registry import BrokenDriver
from resilience import ForeignError, foreign

log = logging.getLogger(__name__)

#: Seconds until a job is tried again whose provider this worker does not have. Workers may run with different
#: configurations, and the next worker may have the provider.
ABSENT_SECONDS: Final = 60.0


class Absent(Exception):
    """The provider is unknown, switched off or broken in this worker's configuration."""


class Claimer:
    """Takes leases.

    Args:
        store: The records.
        leases: Where leases are taken.
        catalog: The providers of this worker.
        counters: Counts the claims.
    """

    def __init__(self, store: JobStore, leases: Leases, catalog: Catalog, counters: Counters) -> None:
        self._store = store
        self._leases = leases
        self._catalog = catalog
        self._counters = counters

    def claim(self, job_id: str, worker: str, lease_seconds: float) -> Lease | None:
        """The lease of the job that a message names; None if there is nothing to run here.

        A job that cannot be claimed must not stay as it is: its message would come again for ever.

        Raises:
            JobError: The record could not be written.
        """
        try:
            with foreign(unless=(JobError, Absent)):
                lease = self._leases.claim(job_id, worker, lease_seconds, self.inputs)
        except JobError:
            self._counters.add(metrics.CLAIMS, "unavailable")
            raise
        except Absent as error:
            log.warning("the job waits for its provider: %s", error)
            now = self._store.now()
            parked = events.Parked(at=now, reason="no_provider", until=now + ABSENT_SECONDS)
            self._leave(job_id, parked, "absent")
            return None
        except ForeignError:
            log.exception("the job cannot be prepared")
            failure = Failure(code="internal", detail="the job could not be prepared; the log says why")
            self._leave(job_id, events.Failed(at=self._store.now(), error=failure), "broken")
            return None
        self._counters.add(metrics.CLAIMS, "nothing" if lease is None else "claimed")
        return lease

    def inputs(self, job: Job, provider: str) -> dict[str, object]:
        """The job's input as this provider will use it, with the seed that the job already has.

        Raises:
            Absent: This worker does not have the provider.
        """
        try:
            route = self._catalog.choose(job.model, provider)
        except (UnknownName, BrokenDriver, ConfigError) as error:
            raise Absent(str(error)) from error
        if provider not in route.models:
            raise Absent(f"{provider} is switched off")
        if provider == (job.provider or job.route[0]):
            return job.input
        prepared = route.prepare(provider, job.given)
        return {name: job.input.get(name, value) if name == "seed" else value for name, value in prepared.items()}

    def _leave(self, job_id: str, event: events.JobEvent, outcome: str) -> None:
        """Write what becomes of a job that cannot be claimed here."""
        self._counters.add(metrics.CLAIMS, outcome)
        self._store.change(job_id, lambda job: event if job.status is Status.QUEUED else None)
