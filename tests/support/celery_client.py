"""Celery's own client, for what Darkroom does without it: it sends messages, and asks workers."""

from __future__ import annotations

from celery import Celery

from jobs.record.messages import QUEUE, RUN_JOB


def client_app(redis_url: str) -> Celery:
    """An application that only sends and asks."""
    app = Celery("darkroom", broker=redis_url, set_as_current=False)
    app.conf.update(
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        broker_connection_timeout=5,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
    )
    return app


def send(app: Celery, job_id: str) -> None:
    """Send a job's message."""
    app.send_task(RUN_JOB, (job_id,), task_id=job_id, queue=QUEUE, retry=False, ignore_result=True)
