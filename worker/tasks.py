"""What Celery calls. Thin: claim, run, wake the next."""

from __future__ import annotations

import logging

import logs
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.queue import RUN_JOB
from worker.attempts import hedge, retry
from worker.celery import app, built, heartbeat
from worker.isolated import run_apart

log = logging.getLogger(__name__)


@app.task(name=RUN_JOB, ignore_result=True)
def run_job(job_id: str) -> None:
    """Run one attempt of a job, if it is there to be claimed: a duplicate message finds nothing to do."""
    with logs.job_lines(job_id):
        try:
            if heartbeat.draining:
                built.jobs.send_again(job_id)
            elif retry.is_suspect(built.store.get(job_id).job):
                run_apart(job_id, heartbeat)
            else:
                _run(job_id)
        except JobError as error:
            log.warning("left to the scheduler: %s", error)
        finally:
            built.jobs.wake()


def _run(job_id: str) -> None:
    lease = built.claimer.claim(job_id, heartbeat.worker, heartbeat.lease_seconds)
    if lease is None:
        log.debug("nothing to claim")
        return
    failpoint("after_claim", lease.job.attempts[-1].provider)
    attempt = hedge.attempt(built.runner, lease, built.claimer.inputs, heartbeat.has_room)
    heartbeat.add(attempt)
    try:
        attempt.run()
    finally:
        heartbeat.remove(attempt)
