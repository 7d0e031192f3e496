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
    links = Links(webhook.base)
    body = b"" if webhook.payload == "thin" else message(name, at, job_resource(Record(job, 0, ""), None, links))
    if not 0 < len(body) <= BODY_LIMIT:
        body = message(name, at, ThinJob(id=job.id, status=job.status, urls=job_urls(job.id, links)))
    return Notice(
        id=delivery.id,
        owner=delivery.owner,
        host=delivery.host,
        record=_encode(delivery),
        body=body,
        interval=_interval(name, job, at),
    )


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
