"""The Celery application and nothing else, for :mod:`worker.__main__` and, beside it, :mod:`worker.flower`.

Celery wakes a worker and runs the work; the job's record decides (docs/explanation/delivery-guarantees.md says what
was measured). So: early acknowledgement, no prefetching, no result backend, no ETA, no retries, no time limits, and a
timeout on every connection.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from celery import Celery
from celery.signals import setup_logging

import logs
import settings as configuration
from jobs.record.messages import QUEUE

#: These say at the level info that a task came and that it ended. Our own lines say the same, with the job's id.
_REPEATING: Final = ("celery.worker.strategy", "celery.app.trace")

_settings = configuration.load()
#: Everything has a timeout.
_TRANSPORT_OPTIONS: Final = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # No second list of messages that were taken and not acknowledged: a message is acknowledged before its job begins, and
    # one that is lost is noticed by the record (Dispatcher.resend_lost). It took two transactions a job.
    "ack_emulation": False,
}

app = Celery("darkroom", broker=_settings.require_redis())
app.conf.update(
    accept_content=["json"],
    # Redis may answer that it cannot serve now (a replica, out of memory, cannot save). Then reconnect, don't die.
    broker_channel_error_retry=True,
    # However long that lasts: after 100 tries, Celery's default, the worker would end.
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=5,
    broker_transport="worker.transport:Transport",
    broker_transport_options=_TRANSPORT_OPTIONS,
    task_acks_late=False,
    task_create_missing_queues=True,
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_serializer="json",
    task_send_sent_event=False,
    worker_concurrency=_settings.worker_concurrency,
    worker_consumer="worker.consumer:Consumer",
    worker_disable_prefetch=True,
    worker_hijack_root_logger=False,
    worker_pool="worker.pool:WakingThreadPool",
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    worker_send_task_events=True,
)
# By name: only a worker imports it, and with it the providers and the task. Flower does not.
app.steps["consumer"].add("worker.lifecycle:Lifecycle")


@setup_logging.connect
def _log(**_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
    logs.configure(_settings.log_format, "worker", _settings.log_level)
    for name in _REPEATING:
        logging.getLogger(name).setLevel(logging.WARNING)
