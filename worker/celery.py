"""The Celery application: ``celery -A worker.celery worker``.

Celery wakes the worker and runs the work; the job's record decides (see
docs/explanation/delivery-guarantees.md for what was measured). So: early
acknowledgement, no prefetching, no result backend, no ETA, no retries, no
time limits, and a timeout on every connection.
"""

from __future__ import annotations

import logging
import os
import signal
from typing import Any, Final

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

import logs
import settings as settings_module
from jobs import failpoints
from jobs.queue import QUEUE, TRANSPORT_OPTIONS
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from process import raise_limit
from worker import services
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

#: Seconds that running jobs get to finish when the worker is told to stop; then they are handed back.
GRACE_SECONDS: Final = 20.0

settings = settings_module.load()
raise_limit()
failpoints.arm(settings.failpoints)
built = services.build(settings)
heartbeat = Heartbeat(
    JobStore(Connection(connect(settings.redis_url, connections=2), identity=built.identity)),
    built.name,
    settings.worker_concurrency,
    settings.lease_seconds,
)

app = Celery("darkroom", broker=settings.redis_url, include=["worker.tasks"])
app.conf.update(
    accept_content=["json"],
    # Redis answers that it serves not now (a replica, out of memory, cannot save): a reason to reconnect, not to die.
    broker_channel_error_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=5,
    broker_transport="worker.transport:Transport",
    broker_transport_options=TRANSPORT_OPTIONS,
    task_acks_late=False,
    task_create_missing_queues=True,
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_serializer="json",
    task_send_sent_event=False,
    worker_concurrency=settings.worker_concurrency,
    worker_disable_prefetch=True,
    worker_hijack_root_logger=False,
    worker_pool="worker.pool:WakingThreadPool",
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    worker_send_task_events=True,
)


@setup_logging.connect
def _log(**_: Any) -> None:  # noqa: ANN401 - Celery passes what it likes
    logs.configure(settings.log_format, "worker", settings.log_level)


@worker_ready.connect
def _ready(**_: Any) -> None:  # noqa: ANN401
    try:
        built.identity.wait(lambda: heartbeat.draining)
        if heartbeat.draining:
            return
        built.announce()
        heartbeat.start()
    except Exception:
        # Celery only logs what a signal's receiver raises, and would go on without a heart.
        log.critical("the worker cannot make itself known", exc_info=True)
        os._exit(1)
    built.jobs.wake()
    log.info("worker ready", extra={"worker": heartbeat.worker, "slots": settings.worker_concurrency})


@worker_shutting_down.connect
def _drain(sig: str = "", **_: Any) -> None:  # noqa: ANN401
    """Take nothing new; what runs may finish, or is handed back after a while. Runs in the signal handler."""
    grace = GRACE_SECONDS if sig == signal.Signals.SIGTERM.name and not heartbeat.draining else 0.0
    heartbeat.drain(grace)


@worker_shutdown.connect
def _stop(**_: Any) -> None:  # noqa: ANN401
    heartbeat.stop()
