"""The messages to the workers: their names, and what is in one.

The scripts push them onto the broker's list, each in the transaction that sends its job. So no job is on its way to a
worker without its message. What a message looks like is Celery's business: its own client writes the one that all
others are made from, once per process.

The broker only wakes a worker; the record decides which worker runs which job. So a lost or doubled message does no harm
(docs/explanation/delivery-guarantees.md).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from process import without

#: The queue that every worker reads: to the broker a list with this name.
QUEUE: Final = "darkroom.jobs"
#: The task that runs one job. Its only argument is the job id, and the task's id is the job id too.
RUN_JOB: Final = "darkroom.run_job"

#: What stands for a job's id, and for the name of one delivery, in :func:`template`. Nothing else in it looks so.
JOB: Final = "job_00000000000000000000000000"
TAG: Final = "00000000-0000-0000-0000-000000000000"


@cache
def template() -> str:
    """A message for the job :data:`JOB` with the delivery tag :data:`TAG`, as Celery's client writes it (JSON).

    Two things differ. The body is plain JSON and not base64, so that the job's id can be replaced in it; kombu reads
    both. And it does not say which process sent it, so that all processes have the same scripts: Redis keeps each
    version of a script.
    """
    # kombu would register a serializer that nobody uses here.
    with without("yaml"):
        from celery import Celery
        from kombu.connection import Connection

    app = Celery("darkroom", broker="memory://", set_as_current=False)
    app.conf.update(task_serializer="json", task_ignore_result=True)
    with Connection("memory://") as connection:  # type: ignore[no-untyped-call]
        channel: Any = connection.channel()
        channel.body_encoding = None
        producer = app.amqp.Producer(channel, auto_declare=False)
        app.send_task(RUN_JOB, (JOB,), task_id=JOB, queue=QUEUE, retry=False, ignore_result=True, producer=producer)
        message = channel.basic_get(QUEUE, no_ack=True).serializable()
    app.close()
    message["body"] = message["body"].decode()
    message["headers"]["origin"] = "darkroom"
    message["properties"] |= {"delivery_tag": TAG, "reply_to": ""}
    return json.dumps(message)
