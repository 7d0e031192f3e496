"""What a job's webhook is told of each event. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from jobs import events
from jobs.ids import new_id
from jobs.model import Job, Webhook
from jobs.record.types import Notice, Record
from jobs.resources.base import Links, Resource, rfc3339
from jobs.resources.job import ThinJob, job_resource, job_urls
from jobs.resources.prediction import prediction_resource
from jobs.webhooks.deliveries import TERMINAL, Delivery

#: Least seconds between two progress deliveries of a job, and for a long job the part of its time so far.
_PROGRESS_SECONDS: Final = 2.0
_PROGRESS_PART: Final = 0.02
#: Largest body in bytes, as the standard advises; a larger job is sent in its thin form.
BODY_LIMIT: Final = 20_000

_encode = msgspec.json.Encoder().encode


def notices(job: Job, event: events.JobEvent) -> tuple[Notice, ...]:
    """The deliveries that an event makes for the webhook of the job, which is as it is afterwards."""
    if job.webhook is None:
        return ()
    wanted = job.webhook.events or TERMINAL
    return tuple(_notice(name, job, job.webhook, event.at) for name in _types(event) if name in wanted)


def _notice(name: str, job: Job, webhook: Webhook, at: float) -> Notice:
    delivery = Delivery(
        id=new_id("msg"),
        holder=job.id,
        owner=job.owner,
        type=name,
        host=webhook.host,
        target=webhook.target,
        created_at=at,
        next_at=at,
    )
    return Notice(
        id=delivery.id,
        owner=delivery.owner,
        host=delivery.host,
        record=_encode(delivery),
        body=_body(name, at, job, webhook),
        interval=_interval(name, job, at),
    )


def _body(name: str, at: float, job: Job, webhook: Webhook) -> bytes:
    links = Links(webhook.base)
    if webhook.payload == "prediction":
        return _prediction(name, job, links)
    body = b"" if webhook.payload == "thin" else message(name, at, job_resource(Record(job, 0, ""), None, links))
    if 0 < len(body) <= BODY_LIMIT:
        return body
    return message(name, at, ThinJob(id=job.id, status=job.status, urls=job_urls(job.id, links)))


def _prediction(name: str, job: Job, links: Links) -> bytes:
    """The job as Replicate's clients read it, and nothing around it; without input and output where it is too large.

    Who acts on ``succeeded`` acts once: the message of its output says ``processing``, as Replicate's does.
    """
    shown = prediction_resource(job, links, status="processing" if name == "job.output" else None)
    body = _encode(shown)
    return body if len(body) <= BODY_LIMIT else _encode(msgspec.structs.replace(shown, input={}, output=None))


def _types(event: events.JobEvent) -> tuple[str, ...]:
    match event:
        case events.Started():
            return ("job.started",)
        case events.Progressed() | events.Previewed() | events.Wrote():
            return ("job.progress",)
        case events.Succeeded() | events.Recalled():
            return ("job.output", "job.succeeded")
        case events.Failed() | events.Canceled() | events.Expired():
            return (f"job.{type(event).__name__.lower()}",)
        case _:
            return ()


def _interval(name: str, job: Job, at: float) -> float | None:
    if name != "job.progress":
        return None
    return max(_PROGRESS_SECONDS, _PROGRESS_PART * (at - (job.started_at or at)))


def message(name: str, at: float, data: Resource | None = None) -> bytes:
    """The body of a delivery, as Standard Webhooks wants it."""
    return _encode({"type": name, "timestamp": rfc3339(at), "data": {} if data is None else data})
