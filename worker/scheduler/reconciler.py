"""Repairs what crashes leave.

One pure function decides, one place applies. Every change goes through the store's compare-and-append, so two
reconcilers cannot do a thing twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from jobs import events, metrics
from jobs.errors import JobError, JobGone, JobNotFound, StoreUnavailable, WrongDatabase
from jobs.files.uploads import Uploads
from jobs.model import Failure, Job, Status
from resilience import survive
from worker.attempts import outcome
from worker.shared import Shared

log = logging.getLogger(__name__)

#: Seconds for which the store must have answered before leases are judged: after an outage workers need a moment to
#: renew them.
CALM_SECONDS: Final = 5.0
#: Seconds by which the server's clock must have moved against this machine's to have been set.
CLOCK_SET_SECONDS: Final = 1.0
#: A message that was sent so many seconds ago and claimed nothing counts as lost and is sent again.
LOST_MESSAGE_SECONDS: Final = 10.0
#: A job that cannot be repaired, since its record cannot be read, is left alone for so many seconds.
UNREADABLE_SECONDS: Final = 60.0
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
    return outcome.after_loss(job, now)


class Reconciler:
    """Applies what :func:`decide` says.

    Args:
        shared: The record and its jobs.
        uploads: Deletes uploaded files after their retention.
        lost_message: See :data:`LOST_MESSAGE_SECONDS`.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        shared: Shared,
        uploads: Uploads,
        lost_message: float = LOST_MESSAGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = shared.connection
        self._store = shared.store
        self._queue = shared.queue
        self._dispatcher = shared.dispatcher
        self._jobs = shared.jobs
        self._uploads = uploads
        self._counters = shared.counters
        self._lost_message = lost_message
        self._clock = clock
        # Also at the start: before it there may have been an outage that this process did not see.
        self._calm_since = self._looked_at = clock()
        #: Whether a part of this round failed.
        self._has_stumbled = False
        #: When a job whose record cannot be read is looked at again.
        self._left_alone: dict[str, float] = {}
        self._clock_offset: float | None = None
        self._had_room = True

    def round(self) -> int:
        """Repair what needs it now; answers how many jobs were touched."""
        began = self._clock()
        # A process that was stopped, as a whole machine may be, saw no more than one that has just started.
        if began - self._looked_at > CALM_SECONDS:
            self._calm_since = began
        self._has_stumbled = False
        try:
            # A server that only refuses writes is an outage too: no lease can be renewed in it. One whose memory is
            # full renews them, and takes what frees memory; but no message to a worker.
            has_room = self._connection.has_room()
            touched = self._repair() + (self._send() if has_room else 0)
        except StoreUnavailable as error:
            # A wrong database is logged once, where it is noticed.
            level = logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING
            log.log(level, "nothing can be repaired now: %s", error)
            self._calm_since = self._clock()
            self._counters.add(metrics.ROUNDS, "unavailable")
            return 0
        finally:
            self._looked_at = self._clock()
        self._say(has_room=has_room)
        self._counters.add(metrics.ROUNDS, "full" if not has_room else "partly" if self._has_stumbled else "done")
        self._counters.observe(metrics.ROUND_SECONDS, seconds=self._clock() - began)
        self._counters.flush()
        return touched

    def _say(self, *, has_room: bool) -> None:
        """Say once that the server's memory is full, and once that it no longer is."""
        if has_room != self._had_room:
            log.warning("Redis has room again" if has_room else "Redis' memory is full: only what frees memory is done")
        self._had_room = has_room

    def _repair(self) -> int:
        now, began = self._connection.now(), self._clock()
        self._left_alone = {job_id: until for job_id, until in self._left_alone.items() if until > began}

        def judge(job_id: str) -> bool:
            # Nor does what was asked before such a stop hold after it.
            return self._clock() - began < CALM_SECONDS and self._apply(job_id, now)

        repaired = self._step(lambda: self._each(self._queue.overdue(self._left_alone), judge))
        repaired += self._step(lambda: self._judge_leases(judge, began))
        deleted = self._step(lambda: self._each(self._queue.outlived(self._left_alone), self._delete))
        self._step(self._uploads.expire)
        self._counters.add(metrics.SCHEDULED, "deleted", by=deleted)
        return repaired + deleted

    def _judge_leases(self, judge: Callable[[str], bool], now: float) -> int:
        lost = self._queue.lost(self._left_alone)
        # After them: a clock that was set before they were read is noticed here.
        return self._each(lost, judge) if self._is_calm(now) else 0

    def _is_calm(self, now: float) -> bool:
        """Whether workers have had the time to renew their leases, by the server's clock as it goes now."""
        before, self._clock_offset = self._clock_offset, self._connection.clock_offset()
        if before is not None and abs(self._clock_offset - before) >= CLOCK_SET_SECONDS:
            log.warning("the server's clock was set: leases are judged after the workers have renewed them")
            self._calm_since = now
        return now - self._calm_since >= CALM_SECONDS

    def _send(self) -> int:
        resent = self._step(lambda: self._dispatcher.resend_lost(self._lost_message))
        sent = self._step(lambda: self._dispatcher.dispatch(thoroughly=True))
        for action, count in (("resent", resent), ("sent", sent)):
            self._counters.add(metrics.SCHEDULED, action, by=count)
        return resent + sent

    def _step(self, work: Callable[[], int]) -> int:
        """Do a part of a round; answers how many jobs were touched. One that fails keeps no other from being done."""
        with survive(log, "a part of the repair failed", unless=(StoreUnavailable, MemoryError), count=self._stumbled):
            return work()
        return 0

    def _stumbled(self) -> None:
        self._has_stumbled = True
        self._count_error()

    def _count_error(self) -> None:
        self._counters.add(metrics.THREAD_ERRORS, "reconciler")

    def _each(self, job_ids: Iterable[str], repair: Callable[[str], bool]) -> int:
        """Repair one after the other; answers how many. A record that cannot be read keeps no other from its repair."""
        done = 0
        for job_id in job_ids:
            with survive(
                log,
                "the job cannot be repaired",
                expected=(JobError,),
                level=logging.INFO,
                unless=(StoreUnavailable, MemoryError),
                count=partial(self._leave_alone, job_id),
                job_id=job_id,
            ):
                try:
                    done += repair(job_id)
                except (JobNotFound, JobGone) as error:
                    # A lease of it would hold a slot for ever.
                    log.warning("a job that does not exist is taken out of the indexes: %s", error)
                    self._queue.drop(job_id)
        return done

    def _leave_alone(self, job_id: str) -> None:
        self._count_error()
        self._left_alone[job_id] = self._clock() + UNREADABLE_SECONDS

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
