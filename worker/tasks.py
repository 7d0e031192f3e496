"""What Celery calls. Thin: claim, run, wake the next."""

from __future__ import annotations

import logging

import logs
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.model import Job
from jobs.queue import RUN_JOB
from worker.app import app, built, heart

log = logging.getLogger(__name__)


@app.task(name=RUN_JOB, ignore_result=True)
def run_job(job_id: str) -> None:
    """Run one attempt of a job, if it is there to be claimed: a duplicate message finds nothing to do."""
    with logs.job_lines(job_id):
        try:
            lease = built.store.claim(job_id, heart.worker, heart.lease_seconds, _inputs)
            if lease is None:
                log.debug("nothing to claim")
                return
            failpoint("after_claim", lease.job.attempts[-1].provider)
            attempt = built.runner.attempt(lease)
            heart.add(job_id, attempt)
            try:
                attempt.run()
            finally:
                heart.remove(job_id)
        except JobError as error:
            log.warning("left to the scheduler: %s", error)
        finally:
            built.jobs.wake()


def _inputs(job: Job, provider: str) -> dict[str, object]:
    """The job's input as this provider will use it, with the seed that the job has already."""
    ran_there = job.attempts[-1].provider if job.attempts else job.route[0]
    if provider == ran_there:
        return job.input
    prepared = built.catalog.prepare(provider, job.model, job.given)
    return {name: job.input.get(name, value) if name == "seed" else value for name, value in prepared.items()}
