"""A worker process within Celery: what it builds, when it is ready, the one task that it runs, and how it ends.

``worker.celery`` names :class:`Lifecycle` by its path, so nothing but a worker loads this module.
"""

from __future__ import annotations

import logging
import signal
from concurrent.futures import Future
from typing import Any, Final

from celery import Task
from celery.bootsteps import StartStopStep
from celery.signals import worker_shutdown, worker_shutting_down

import logs
import settings as configuration
from jobs import failpoints
from jobs.errors import JobError, StoreUnavailable
from jobs.record.identity import LOOK_SECONDS
from jobs.record.messages import RUN_JOB
from jobs.record.types import Lease
from process import raise_limit
from resilience import settle
from settings import SettingsError
from worker import services
from worker.attempts.claim import Suspect
from worker.attempts.runner import Runner, hedged
from worker.isolation import Isolation, NoPlace
from worker.services import Services
from worker.together import Together

log = logging.getLogger(__name__)

#: Exit status of a worker whose configuration is wrong, as Celery's own for an application that it cannot load.
_MISCONFIGURED: Final = 2
#: Seconds until a suspect is sent again that found no place.
_PUT_OFF_SECONDS: Final = 10.0


class RunJob(Task):
    """Runs one attempt of a job, if the job can be claimed: a duplicate message finds nothing to do."""

    name = RUN_JOB
    ignore_result = True

    def __init__(self, services: Services) -> None:
        self._services = services
        heartbeat = services.heartbeat
        #: Sends what can run in the place of jobs that end together.
        self._others = Together(services.shared.dispatcher.dispatch)
        self._isolation = Isolation(services.shared.store, heartbeat.slots, lambda: heartbeat.draining)

    def run(self, job_id: str) -> None:
        """Run the job with this id.

        Nothing that it raises reaches Celery (5.6), which would take the slot for busy from then on: a driver may raise
        ``SystemExit``, or have no memory.
        """
        end: Future[None] = Future()
        settle(end, lambda: self._run(job_id))
        if (error := end.exception()) is not None:
            log.critical("a run ended in a way that is not foreseen", exc_info=error, extra={"job_id": job_id})

    def _run(self, job_id: str) -> None:
        shared, heartbeat = self._services.shared, self._services.heartbeat
        with logs.job_lines(job_id):
            try:
                if heartbeat.draining:
                    shared.dispatcher.send_again(job_id)
                else:
                    self._run_here_or_apart(job_id)
            except JobError as error:
                log.warning("left to the scheduler: %s", error)
            finally:
                self._others.ask()

    def _run_here_or_apart(self, job_id: str) -> None:
        try:
            self._services.run(job_id, self._runner_of, suspects=False)
        except Suspect:
            self._run_apart(job_id)

    def _run_apart(self, job_id: str) -> None:
        try:
            self._isolation.run(job_id)
        except NoPlace as error:
            # It must not wait here: it would hold a slot that others need.
            log.warning("the job waits to run apart: %s", error)
            self._services.claimer.put_off(job_id, _PUT_OFF_SECONDS)

    def _runner_of(self, lease: Lease) -> Runner:
        found = self._services
        return hedged(found.parts, lease, found.claimer.inputs, found.heartbeat.has_room)


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
        except SettingsError as error:
            log.critical("cannot start: %s", error)
            raise SystemExit(_MISCONFIGURED) from None
        self._is_ready = False
        consumer.app.register_task(RunJob(self._services))
        worker_shutting_down.connect(self._drain, weak=False)
        worker_shutdown.connect(self._stop, weak=False)

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Make the worker known, once; Celery calls this again after each reconnection."""
        del consumer
        if self._is_ready:
            return
        shared, heartbeat = self._services.shared, self._services.heartbeat
        while not heartbeat.draining and not self._is_ready:
            shared.identity.wait(lambda: heartbeat.draining)
            try:
                shared.announce()
                self._services.start()
                self._is_ready = True
            except StoreUnavailable as error:
                # A server that can be read may refuse what is written.
                log.warning("the worker cannot be made known yet: %s", error)
                self._services.stopped.wait(LOOK_SECONDS)
        if not self._is_ready:
            return
        shared.dispatcher.dispatch()
        log.info("worker ready", extra={"worker": heartbeat.worker, "slots": heartbeat.slots})

    def _drain(self, sig: str = "", **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
        """Take no more jobs; those that run may finish, or are handed back after a while. In the signal handler."""
        heartbeat = self._services.heartbeat
        # A second SIGTERM, and any other signal, hands them back at once.
        heartbeat.drain(patiently=sig == signal.Signals.SIGTERM.name and not heartbeat.draining)

    def _stop(self, **_: Any) -> None:  # noqa: ANN401
        self._services.stop()
