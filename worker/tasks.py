"""The task that Celery calls. Thin: claim, run, wake the next."""

from __future__ import annotations

import logging

from celery import Task

import logs
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.queue import RUN_JOB
from worker.attempts import retry
from worker.attempts.runner import hedged
from worker.isolation import run_isolated
from worker.services import Services

log = logging.getLogger(__name__)


class RunJob(Task):
    """Runs one attempt of a job, if the job can be claimed: a duplicate message finds nothing to do.

    Args:
        services: Of this worker.
    """

    name = RUN_JOB
    ignore_result = True

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, job_id: str) -> None:
        """Run the job with this id."""
        shared, heartbeat = self._services.shared, self._services.heartbeat
        with logs.job_lines(job_id):
            try:
                if heartbeat.draining:
                    shared.dispatcher.send_again(job_id)
                elif retry.is_suspect(shared.store.get(job_id).job):
                    run_isolated(job_id, lambda: heartbeat.draining)
                else:
                    self._claim_and_run(job_id)
            except JobError as error:
                log.warning("left to the scheduler: %s", error)
            finally:
                shared.dispatcher.dispatch()

    def _claim_and_run(self, job_id: str) -> None:
        claimer, heartbeat = self._services.claimer, self._services.heartbeat
        lease = claimer.claim(job_id, heartbeat.worker, heartbeat.lease_seconds)
        if lease is None:
            log.debug("nothing to claim")
            return
        failpoint("after_claim", lease.job.attempts[-1].provider)
        runner = hedged(self._services.parts, lease, claimer.inputs, heartbeat.has_room)
        with heartbeat.keeping(runner):
            runner.run()
