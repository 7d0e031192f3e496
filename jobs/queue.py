"""The messages to the workers: their names, and how one is published.

The broker only wakes a worker; the record decides which worker runs which job.
So a lost or doubled message does no harm (docs/explanation/delivery-guarantees.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from jobs.errors import StoreUnavailable
from jobs.record import keys

if TYPE_CHECKING:
    from celery import Celery

#: The queue that every worker reads.
QUEUE: Final = keys.MESSAGES
#: The task that runs one job. Its only argument is the job id, and the task's id is the job id too.
RUN_JOB: Final = "darkroom.run_job"

#: Options of every Celery connection to Redis: everything has a timeout.
TRANSPORT_OPTIONS: Final[dict[str, Any]] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # A kill inside the sweep would otherwise block the next one for 5 minutes (kombu's default is 300).
    "unacked_mutex_expire": 10,
}


class Publisher(Protocol):
    """Wakes a worker for a job."""

    def publish(self, job_id: str) -> None:
        """Send the message.

        Raises:
            StoreUnavailable: The broker did not take it.
        """
        ...


class CeleryPublisher:
    """Publishes to the Celery workers.

    Args:
        app: Any Celery application on the right broker; :func:`client_app` makes one.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, job_id: str) -> None:
        """See :class:`Publisher`."""
        from kombu.exceptions import OperationalError
        from redis.exceptions import RedisError

        try:
            self._app.send_task(RUN_JOB, (job_id,), task_id=job_id, queue=QUEUE, retry=False, ignore_result=True)
        except (OperationalError, RedisError) as error:
            # kombu wraps lost connections, but not a refusal such as OOM.
            raise StoreUnavailable(f"the broker took no message ({type(error).__name__})") from error


def client_app(redis_url: str) -> Celery:
    """A Celery application that only publishes."""
    from celery import Celery

    app = Celery("darkroom", broker=redis_url, set_as_current=False)
    app.conf.update(
        broker_transport_options=TRANSPORT_OPTIONS,
        broker_connection_timeout=5,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
    )
    return app
