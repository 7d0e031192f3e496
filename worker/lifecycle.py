"""A worker process within Celery: what it builds, when it is ready, the one task that it runs, and how it ends.

``worker.celery`` names :class:`Lifecycle` by its path, so nothing but a worker loads this module.
"""

from __future__ import annotations

import logging
import signal
from typing import Any

from celery import Task
from celery.bootsteps import StartStopStep
from celery.signals import worker_shutdown, worker_shutting_down

import logs
import settings as configuration
from jobs import failpoints
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.queue import RUN_JOB
from jobs.vault import VaultError
from process import raise_limit
from providers.config import ConfigError
from settings import SettingsError
from worker import services
from worker.attempts import retry
from worker.attempts.runner import hedged
from worker.isolation import run_isolated
from worker.services import Services

log = logging.getLogger(__name__)

#: Exit status of a worker whose configuration is wrong, as Celery's own for an application that it cannot load.
_MISCONFIGURED = 2


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


class Lifecycle(StartStopStep):
    """The step of Celery's consumer in which this worker joins the service.

    What it raises ends the process with status 1; what a receiver of Celery's signals raises would only be logged.
    """

    # The last step before the loop that takes messages.
    requires = ("celery.worker.consumer.tasks:Tasks",)

    def create(self, consumer: Any) -> None:  # noqa: ANN401 - Celery has no types
        """Build the services, and the task that uses them."""
        settings = configuration.load()
        raise_limit()
        failpoints.arm(settings.failpoints)
        try:
            self._services = services.build(settings, slots=settings.worker_concurrency)
        except (SettingsError, ConfigError, VaultError) as error:
            log.critical("cannot start: %s", error)
            raise SystemExit(_MISCONFIGURED) from None
        self._is_ready = False
        consumer.app.register_task(RunJob(self._services))
        worker_shutting_down.connect(self._drain, weak=False)
        worker_shutdown.connect(self._stop, weak=False)

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Make the worker known, once; Celery calls this again after each reconnection.

        Raises:
            StoreUnavailable: Redis went away in this moment.
        """
        del consumer
        if self._is_ready:
            return
        shared, heartbeat = self._services.shared, self._services.heartbeat
        shared.identity.wait(lambda: heartbeat.draining)
        if heartbeat.draining:
            return
        shared.announce()
        heartbeat.start()
        self._is_ready = True
        shared.dispatcher.dispatch()
        log.info("worker ready", extra={"worker": heartbeat.worker, "slots": heartbeat.slots})

    def _drain(self, sig: str = "", **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
        """Take no more jobs; those that run may finish, or are handed back after a while. In the signal handler."""
        heartbeat = self._services.heartbeat
        # A second SIGTERM, and any other signal, hands them back at once.
        heartbeat.drain(patiently=sig == signal.Signals.SIGTERM.name and not heartbeat.draining)

    def _stop(self, **_: Any) -> None:  # noqa: ANN401
        self._services.heartbeat.stop()
