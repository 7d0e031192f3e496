"""Repairs what crashes leave.

One pure function decides, one place applies. Every change goes through the store's compare-and-append, so two
reconcilers cannot do a thing twice.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from jobs import events
from jobs.errors import JobError, StoreUnavailable, WrongDatabase
from jobs.files.uploads import Uploads
from jobs.model import Failure, Job, Status
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from jobs.service import JobService
from worker.attempts import retry

log = logging.getLogger(__name__)

#: A message that was sent so many seconds ago and claimed nothing is taken for lost and sent again.
LOST_MESSAGE_SECONDS: Final = 10.0
#: Leases are judged only after the store answered for so long: after an outage workers need a moment to renew them.
CALM_SECONDS: Final = 5.0


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
        jobs: Wakes workers and deletes what is over.
        uploads: Deletes what is kept no longer; None leaves uploads alone.
    """

    def __init__(
        self, connection: Connection, store: JobStore, jobs: JobService, uploads: Uploads | None = None
    ) -> None:
        self._connection = connection
        self._store = store
        self._jobs = jobs
        self._uploads = uploads
        # Also at the start: what this process did not see may have been an outage.
        self._calm_since = time.monotonic()

    def round(self) -> int:
        """Repair all there is now; answers how many jobs were touched."""
        try:
            touched = self._repair()
        except StoreUnavailable as error:
            # A wrong database is said aloud once, where it is noticed.
            level = logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING
            log.log(level, "nothing can be repaired now: %s", error)
            self._calm_since = time.monotonic()
            return 0
        return touched

    def _repair(self) -> int:
        # A server that only refuses writes is an outage too: no lease can be renewed in it.
        self._connection.check_writes()
        now = self._connection.now()
        late = list(self._store.overdue())
        if time.monotonic() - self._calm_since >= CALM_SECONDS:
            late += self._store.lost()
        touched = sum(self._apply(job_id, now) for job_id in late)
        for job_id in self._store.outlived():
            touched += self._delete(job_id)
        if self._uploads is not None:
            self._uploads.expire()
        touched += self._jobs.resend(LOST_MESSAGE_SECONDS)
        return touched + self._jobs.wake(thoroughly=True)

    def _apply(self, job_id: str, now: float) -> int:
        try:
            before = self._store.get(job_id).version
            record = self._store.change(job_id, lambda job: decide(job, now), lapsed=True)
        except StoreUnavailable:
            raise
        except JobError as error:
            log.info("not repaired: %s", error, extra={"job_id": job_id})
            return 0
        except Exception:
            # One record that cannot be read must not keep the others from being repaired.
            log.exception("a job cannot be repaired", extra={"job_id": job_id})
            return 0
        if record.version != before:
            log.warning("repaired a job", extra={"job_id": job_id, "status": record.job.status})
        return int(record.version != before)

    def _delete(self, job_id: str) -> int:
        try:
            self._jobs.purge(self._store.get(job_id).job, "expired")
        except StoreUnavailable:
            raise
        except JobError:
            return 0
        except Exception:
            log.exception("a job cannot be deleted", extra={"job_id": job_id})
            return 0
        return 1
