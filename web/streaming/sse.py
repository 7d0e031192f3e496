"""Job events as messages: for server-sent events, and for the JSON form of the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any, Final

import msgspec

from jobs import events as e
from jobs.model import Status
from jobs.record.types import LoggedEvent
from jobs.times import rfc3339
from web.schemas import (
    Json,
    Links,
    failure_json,
    optional_time,
    output_json,
    present,
    preview_json,
    progress_json,
    upstream_json,
)

#: How long a client waits before it connects again, in milliseconds.
RETRY: Final = b"retry: 2000\n\n"
HEARTBEAT: Final = b": still here\n\n"

#: Every kind of message in an event stream, and what it says.
NAMES: Final = {
    "snapshot": "The job as it stands: the first message of a new stream.",
    "status": "The job's status changed, or a cancel was asked for.",
    "queue": "What the job waits for.",
    "progress": "How far the job is.",
    "preview": "A new preview can be fetched.",
    "log": "A line of text from the provider, or about the attempt.",
    "output": "One output of the finished job.",
    "end": "The finished job: the last message.",
}

_encode = msgspec.json.Encoder().encode

#: Messages of one event: name and data.
Messages = Sequence[tuple[str, Json]]


def message(name: str, data: Any, event_id: str | None = None) -> bytes:  # noqa: ANN401 - any JSON
    """One message on the wire. Without an id the client's place in the log stays where it is."""
    mark = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return mark + b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))


def stream_of(entry: LoggedEvent, job_id: str, links: Links, final: Json | None = None) -> bytes:
    """One event on the wire.

    Only its last message carries the id: who lost the rest gets all of it again.

    Args:
        entry: The event.
        job_id: Its job.
        links: Addresses of the job's resources.
        final: The finished job, where this event is the last one.
    """
    messages = [*messages_of(entry.event, job_id, links)]
    if final is not None:
        messages.append(("end", final))
    last = len(messages) - 1
    return b"".join(
        message(name, data, entry.id if number == last else None) for number, (name, data) in enumerate(messages)
    )


def log_json(entry: LoggedEvent, job_id: str, links: Links) -> list[Json]:
    """One event in the JSON form of the log."""
    at = rfc3339(entry.event.at)
    return [
        {"id": entry.id, "event": name, "at": at, "data": data}
        for name, data in messages_of(entry.event, job_id, links)
    ]


@singledispatch
def messages_of(event: e.Event, job_id: str, links: Links) -> Messages:
    """What an event tells. Whatever ends a job without more to say is a plain status."""
    del job_id, links
    return [("status", {"status": _PLAIN[type(event)]})]


_PLAIN: Final[dict[type[e.Event], Status]] = {
    e.Submitted: Status.QUEUED,
    e.Canceled: Status.CANCELED,
    e.Expired: Status.EXPIRED,
}


@messages_of.register
def _(event: e.Parked, _job_id: str, _links: Links) -> Messages:
    return [("queue", present({"reason": event.reason, "until": optional_time(event.until)}))]


@messages_of.register
def _(event: e.Started, _job_id: str, _links: Links) -> Messages:
    return [("status", {"status": Status.RUNNING, "provider": event.provider})]


@messages_of.register
def _(event: e.Hedged, _job_id: str, _links: Links) -> Messages:
    return [("log", {"level": "info", "text": f"this takes long: {event.provider} was asked as well"})]


@messages_of.register
def _(event: e.AttemptFailed, _job_id: str, _links: Links) -> Messages:
    return [
        ("log", {"level": "warning", "text": f"{event.error.provider} failed, the other goes on: {event.error.detail}"})
    ]


@messages_of.register
def _(event: e.UpstreamQueued, _job_id: str, _links: Links) -> Messages:
    return [("queue", {"reason": "upstream_queue", "upstream": upstream_json(event)})]


@messages_of.register
def _(event: e.Progressed, _job_id: str, _links: Links) -> Messages:
    return [("progress", progress_json(event))]


@messages_of.register
def _(event: e.Previewed, job_id: str, links: Links) -> Messages:
    return [("preview", preview_json(job_id, event.index, event.at, links))]


@messages_of.register
def _(event: e.Logged, _job_id: str, _links: Links) -> Messages:
    return [("log", {"level": event.level, "text": event.text})]


@messages_of.register
def _(event: e.Noted, _job_id: str, _links: Links) -> Messages:
    return [("log", {"level": "info", "text": event.note})]


@messages_of.register
def _(event: e.Requeued, _job_id: str, _links: Links) -> Messages:
    data = {
        "status": Status.QUEUED,
        "outcome": event.outcome,
        "error": failure_json(event.error),
        "reason": event.reason,
        "until": optional_time(event.not_before),
    }
    return [("status", present(data))]


@messages_of.register
def _(event: e.CancelRequested, _job_id: str, _links: Links) -> Messages:
    return [("status", {"status": Status.RUNNING, "cancel_requested_at": rfc3339(event.at)})]


@messages_of.register(e.Succeeded)
@messages_of.register(e.Recalled)
def _(event: e.Succeeded | e.Recalled, job_id: str, links: Links) -> Messages:
    outputs = [("output", output_json(job_id, output, links)) for output in event.outputs]
    return [*outputs, ("status", {"status": Status.SUCCEEDED})]


@messages_of.register
def _(event: e.Failed, _job_id: str, _links: Links) -> Messages:
    return [("status", present({"status": Status.FAILED, "error": failure_json(event.error)}))]


def is_end(event: e.JobEvent) -> bool:
    """Whether nothing comes after it."""
    return isinstance(event, e.Succeeded | e.Recalled | e.Failed | e.Canceled | e.Expired)


def before(event_id: str) -> str | None:
    """The largest id that is smaller than an event's; None for a text that is no event id."""
    milliseconds, _, number = event_id.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 19 for part in (milliseconds, number)):
        return None
    if int(number) > 0:
        return f"{int(milliseconds)}-{int(number) - 1}"
    return f"{max(0, int(milliseconds) - 1)}-{2**64 - 1}"
