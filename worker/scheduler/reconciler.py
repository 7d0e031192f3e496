"""Repairs what crashes leave.

One pure function decides, one place applies. Every change goes through the store's compare-and-append, so two
reconcilers cannot do a thing twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from jobs import events, metrics
from jobs.dispatcher import Dispatcher
from jobs.errors import JobError, StoreUnavailable, WrongDatabase
from jobs.files.uploads import Uploads
from jobs.model import Failure, Job, Status
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.record.job_queue import JobQueue
from jobs.record.store import JobStore
from jobs.service import JobService
from resilience import survive
from worker.attempts import retry
from worker.scheduler.timings import Timings

log = logging.getLogger(__name__)

#: How a repair is counted, by the state that it brings a job to.
_ACTIONS: Final = {
    Status.QUEUED: "requeued",
    Status.EXPIRED: "expired",
    Status.CANCELED: "canceled",
    Status.FAILED: "failed",
}


def decide(job: Job, now: float) -> events.JobEvent | None:
    """What must happen to a job whose lease is over, or whose deadline has passed; None where all is well."""
    if job.status is Status.QUEUED and job.deadline_at is not None and job.deadline_at <= now:
        return events.Expired(at=now)
    if job.status is not Status.RUNNING:
        return None
    if job.cancel_requested_at is not None:
        return events.Canceled(at=now)
    if job.deadline_at is not None and job.deadline_at <= now:
        return events.Failed(at=now, error=Failure(code="deadline_exceeded", detail="the job's deadline passed"))
    return retry.after_loss(job, now)


class Reconciler:
    """Applies what :func:`decide` says.

    Args:
        connection: To Redis.
        store: The records.
        queue: Finds the jobs whose lease, deadline or retention is over.
        dispatcher: Sends jobs to the workers.
        jobs: Deletes jobs after their retention.
        uploads: Deletes uploaded files after theirs.
        counters: Counts what was done.
        timings: When what is judged.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        connection: Connection,
        store: JobStore,
        queue: JobQueue,
        dispatcher: Dispatcher,
        jobs: JobService,
        uploads: Uploads,
        counters: Counters,
        timings: Timings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._store = store
        self._queue = queue
        self._dispatcher = dispatcher
        self._jobs = jobs
        self._uploads = uploads
        self._counters = counters
        self._timings = timings
        self._clock = clock
        # Also at the start: before it there may have been an outage that this process did not see.
        self._calm_since = clock()

    def round(self) -> int:
        """Repair what needs it now; answers how many jobs were touched."""
        began = self._clock()
        try:
            touched = self._repair()
        except StoreUnavailable as error:
            # A wrong database is logged once, where it is noticed.
            level = logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING
            log.log(level, "nothing can be repaired now: %s", error)
            self._calm_since = self._clock()
            self._counters.add(metrics.ROUNDS, "unavailable")
            return 0
        self._counters.add(metrics.ROUNDS, "done")
        self._counters.observe(metrics.ROUND_SECONDS, seconds=self._clock() - began)
        self._counters.flush()
        return touched

    def _repair(self) -> int:
        # A server that only refuses writes is an outage too: no lease can be renewed in it.
        self._connection.check_writes()
        now = self._connection.now()
        late = list(self._queue.overdue())
        if self._clock() - self._calm_since >= self._timings.calm:
            late += self._queue.lost()
        repaired = self._each(late, lambda job_id: self._apply(job_id, now))
        deleted = self._each(self._queue.outlived(), self._delete)
        self._uploads.expire()
        resent = self._dispatcher.resend_lost(self._timings.lost_message)
        sent = self._dispatcher.dispatch(thoroughly=True)
        for action, count in (("deleted", deleted), ("resent", resent), ("sent", sent)):
            self._counters.add(metrics.SCHEDULED, action, by=count)
        return repaired + deleted + resent + sent

    def _each(self, job_ids: Iterable[str], repair: Callable[[str], bool]) -> int:
        """Repair one after the other; answers how many. A record that cannot be read keeps no other from its repair."""
        done = 0
        for job_id in job_ids:
            with survive(
                log,
                "the job cannot be repaired",
                expected=(JobError,),
                level=logging.INFO,
                unless=(StoreUnavailable,),
                job_id=job_id,
            ):
                done += repair(job_id)
        return done

    def _apply(self, job_id: str, now: float) -> bool:
        before = self._store.get(job_id).version
        record = self._store.change(job_id, lambda job: decide(job, now), lapsed=True)
        if record.version == before:
            return False
        log.warning("repaired a job", extra={"job_id": job_id, "status": record.job.status})
        if action := _ACTIONS.get(record.job.status):
            self._counters.add(metrics.SCHEDULED, action)
        return True

    def _delete(self, job_id: str) -> bool:
        self._jobs.purge(self._store.get(job_id).job, "expired")
        return True
