"""Runs a job under one lease, and writes what its end makes of the job. No Celery here.

Every write carries the fence of the lease: a runner whose lease is lost changes nothing any more, it only removes the
files that it stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing, nullcontext

import msgspec

from jobs import metrics
from jobs.errors import JobError, JobGone, JobNotFound, LeaseLost, StoreUnavailable
from jobs.failpoints import failpoint
from jobs.files.image_terms import KEPT
from jobs.model import Failure, Job, Status
from jobs.record.types import Lease
from worker.attempts import outcome
from worker.attempts.attempt import Attempt
from worker.attempts.event_writer import EventWriter
from worker.attempts.outcome import CANCELED, HANDED_BACK, NO_THREAD, End, Stopped
from worker.attempts.parts import Parts
from worker.attempts.race import Inputs, Race

log = logging.getLogger(__name__)


def alone(parts: Parts, lease: Lease) -> Runner:
    """A runner of one attempt."""
    writer = EventWriter(parts, lease)
    attempt = Attempt(parts, lease.job, lease.job.attempts[-1], writer, lambda _: nullcontext())
    return Runner(parts, lease, writer, attempt)


def hedged(parts: Parts, lease: Lease, inputs: Inputs, has_room: Callable[[], bool]) -> Runner:
    """A runner of a race (:class:`Race`) where the job asks for a hedge and can have one, else of one attempt."""
    job = lease.job
    if job.strategy != "hedge" or len(job.route) < 2 or outcome.has_spent_all(job):
        return alone(parts, lease)
    writer = EventWriter(parts, lease)
    return Runner(parts, lease, writer, Race(parts, lease, writer, inputs, has_room))


class Runner:
    """Runs what one lease allows. :func:`alone` and :func:`hedged` make one."""

    def __init__(self, parts: Parts, lease: Lease, writer: EventWriter, execution: Attempt | Race) -> None:
        self._store = parts.store
        self._artifacts = parts.artifacts
        self._counters = parts.counters
        self._writer = writer
        self._provider = lease.job.attempts[-1].provider
        self.execution = execution
        self.job_id = lease.job.id
        self.fence = lease.fence
        #: Whether nothing is left for it but to end.
        self.is_told_to_end = False

    @property
    def attempts(self) -> int:
        """How many attempts run now."""
        return self.execution.attempts

    def cancel(self, reason: str) -> None:
        """End the run from outside, for a reason of :mod:`worker.attempts.outcome`."""
        self.execution.cancel(reason)

    def tick(self) -> None:
        """End attempts whose time is over, and write progress that was held back; called often.

        Raises:
            JobError: The progress could not be written.
        """
        self.is_told_to_end = self.execution.tick()
        self._writer.tick()

    def run(self) -> None:
        """Run to the end: afterwards the job has ended, is queued again, or was never ours to end."""
        try:
            with closing(self.execution):
                end = self.execution.run()
                if isinstance(end, Stopped) and end.reason not in {CANCELED, HANDED_BACK, NO_THREAD}:
                    raise LeaseLost(end.reason)
                self._write(end)
        except (LeaseLost, JobNotFound, JobGone):
            self._leave()
        except JobError as error:
            log.error("the attempt is given up: %s", error, extra={"provider": self._provider})  # noqa: TRY400 - no trace needed

    def _write(self, end: End) -> None:
        at = self._store.now()
        job = self._writer.end(lambda job: outcome.after(job, end, at)).job
        failpoint("terminal_written", str(job.provider))
        if job.status.is_terminal and job.status is not Status.SUCCEEDED and not _has_images(job):
            self._artifacts.delete(self.job_id)
        if isinstance(end, Failure):
            log.info("the attempt failed: %s", end.detail, extra={"code": end.code, "provider": end.provider})
        log.info("the attempt ended", extra={"status": job.status, "provider": job.provider})

    def _leave(self) -> None:
        """The job is not ours any more. If it was deleted, no file of it may stay."""
        log.warning("the attempt lost its lease; its results are dropped", extra={"provider": self._provider})
        self._counters.add(metrics.LEASES_LOST)
        try:
            self._store.get(self.job_id)
        except (JobNotFound, JobGone):
            self._artifacts.delete(self.job_id)
        except StoreUnavailable:
            log.debug("whether the job was deleted cannot be seen now")


def _has_images(job: Job) -> bool:
    """Whether files of the job belong to its input: it can be run again. What else it left, the janitor removes."""
    return KEPT.encode() in msgspec.json.encode(job.given)
