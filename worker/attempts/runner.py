"""The life of one attempt: run it, and write what its end makes of the job. No Celery here.

Every write carries the fence of the lease: an attempt that lost its lease
changes nothing any more, it only cleans up behind itself.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import msgspec

from jobs import events
from jobs.errors import JobError, JobGone, JobNotFound, LeaseLost, StoreUnavailable
from jobs.failpoints import failpoint
from jobs.files.images import KEPT
from jobs.model import Attempt as Entry
from jobs.model import Failure, Job
from jobs.model import Status as JobStatus
from jobs.record.types import Lease
from providers import Control
from worker.attempts import retry
from worker.attempts.arm import Arm, Parts
from worker.attempts.event_writer import EventWriter

log = logging.getLogger(__name__)

#: Reasons for which the outside ends an attempt; see :meth:`Attempt.cancel`.
CANCELED: Final = "canceled"
LEASE_LOST: Final = "lease_lost"
HANDED_BACK: Final = "handed_back"


@dataclass(slots=True)
class Runner(Parts):
    """Runs attempts; one per worker process."""

    def attempt(self, lease: Lease) -> Attempt:
        """The attempt that a lease allows; :meth:`Attempt.run` runs it."""
        return Attempt(self, lease)


class Attempt:
    """What one lease allows: one run of one job on one provider.

    Args:
        parts: What it works with.
        lease: The right to do so.
    """

    def __init__(self, parts: Parts, lease: Lease) -> None:
        self._parts = parts
        self._store = parts.store
        self._job = lease.job
        self.job_id = lease.job.id
        self.fence = lease.fence
        self._scribe = EventWriter(parts.store, lease)
        self._arm = self._new_arm(lease.job.attempts[-1])

    def _new_arm(self, entry: Entry) -> Arm:
        return Arm(self._parts, self._job, entry, self._scribe, self._finishing)

    def _finishing(self, arm: Arm) -> AbstractContextManager[None]:
        """The block in which an arm's result is fetched."""
        del arm
        return nullcontext()

    @property
    def control(self) -> Control:
        """Ends the run on the first provider."""
        return self._arm.control

    @property
    def arms(self) -> int:
        """How many runs there are now."""
        return 1

    def cancel(self, reason: str) -> None:
        """End it from outside, for :data:`CANCELED`, :data:`LEASE_LOST` or :data:`HANDED_BACK`."""
        self._arm.control.cancel(reason)

    def tick(self) -> None:
        """Write progress that was held back, and end the attempt if its time is over; the heart calls this often.

        Raises:
            JobError: The progress could not be written.
        """
        self._arm.tick()
        self._scribe.tick()

    def run(self) -> None:
        """Run to the end of the attempt: afterwards the job has ended, is queued again, or was never ours to end."""
        try:
            event = self._outcome()
            if event is None:
                self._leave()
            else:
                self._end(event)
        except (LeaseLost, JobNotFound, JobGone):
            self._leave()
        except JobError as error:
            log.error("the attempt is given up: %s", error, extra={"provider": self._arm.provider})  # noqa: TRY400 - no trace needed

    # -- ending --------------------------------------------------------------

    def _outcome(self) -> events.JobEvent | None:
        """Run; the event that ends the attempt, or None where its end is not ours to write.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        match self._arm.run():
            case None:
                return self._ended_from_outside(self._arm.control.reason)
            case Failure() as failure:
                return self._failed(failure)
            case result:
                return events.Succeeded(at=self._store.now(), outputs=result.outputs, recipe=result.recipe)

    def _ended_from_outside(self, reason: str) -> events.JobEvent | None:
        match reason:
            case _ if reason == CANCELED:
                return events.Canceled(at=self._store.now())
            case _ if reason == HANDED_BACK:
                return events.Requeued(at=self._store.now(), outcome="handed_back")
            case _:
                return None

    def _failed(self, failure: Failure) -> events.JobEvent:
        """What a failure makes of the job."""
        event = retry.after_failure(self._job, failure, self._store.now())
        log.info(
            "the attempt failed: %s", failure.detail,
            extra={"code": failure.code, "provider": failure.provider, "next": type(event).__name__.lower()},
        )  # fmt: skip
        return event

    def _end(self, event: events.JobEvent) -> None:
        def decide(job: Job) -> events.JobEvent:
            # A cancel that came in the last moment wins over another try, and over a late result.
            if job.cancel_requested_at is not None and not isinstance(event, events.Canceled):
                return events.Canceled(at=event.at)
            return event

        job = self._scribe.end(decide).job
        failpoint("terminal_written", str(job.provider))
        if job.status.is_terminal and job.status is not JobStatus.SUCCEEDED and not _has_pictures(job):
            self._parts.artifacts.delete(self.job_id)
        log.info("the attempt ended", extra={"outcome": type(event).__name__.lower(), "provider": job.provider})

    def _leave(self) -> None:
        """The job is not ours any more. Where it was deleted, nothing of it may stay."""
        log.warning("the attempt lost its lease; its results are dropped", extra={"provider": self._arm.provider})
        try:
            self._store.get(self.job_id)
        except (JobNotFound, JobGone):
            self._parts.artifacts.delete(self.job_id)
        except StoreUnavailable:
            log.debug("whether the job was deleted cannot be seen now")


def _has_pictures(job: Job) -> bool:
    """Whether files of the job belong to its input: it can be run once more. What else it left, the janitor removes."""
    return KEPT.encode() in msgspec.json.encode(job.given)
