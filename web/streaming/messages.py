"""What each event of a job tells a client, for the event stream and for its log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, UnsetType

from jobs import events as e
from jobs.model import Outcome, Status, Waiting
from jobs.record.types import LoggedEvent
from jobs.resources import examples
from jobs.resources.base import Count, JobId, Links, ListOf, Resource, Time, about, optional_time, rfc3339
from jobs.resources.progress import (
    WaitingMessage,
    WaitingReason,
    WaitingUntil,
    preview_resource,
    progress_resource,
    queue_resource,
)
from jobs.resources.results import FailureResource, failure_resource, output_resource
from jobs.states import ENDS

#: Every kind of message, and what it says. The first two and the last are in the stream alone.
KINDS: Final = {
    "snapshot": "The job as it stands: the first message of a new stream.",
    "partial": "The text so far, of a text that comes bit by bit.",
    "status": "The job's status changed, or a cancel was asked for.",
    "queue": "What the job waits for.",
    "progress": "How far the job is.",
    "preview": "A new preview can be fetched.",
    "log": "A line of text from the provider, or about the attempt.",
    "output": "One output of the finished job.",
    "end": "The finished job: the last message.",
}


class StatusMessage(Resource, frozen=True, kw_only=True):
    """The job's status, and what led to it."""

    status: Annotated[Status, about("The state of the job.")]
    provider: Annotated[str | UnsetType, about("The provider that runs it.")] = UNSET
    outcome: Annotated[Outcome | UnsetType, about("How the attempt before ended.")] = UNSET
    error: FailureResource | UnsetType = UNSET
    reason: WaitingReason | UnsetType = UNSET
    message: WaitingMessage | UnsetType = UNSET
    until: WaitingUntil | UnsetType = UNSET
    cancel_requested_at: Annotated[Time | UnsetType, about("When its cancellation was requested.")] = UNSET


class LogMessage(Resource, frozen=True, kw_only=True):
    """A line of text from the provider, or about the attempt."""

    level: str
    text: str


class PartialMessage(Resource, frozen=True, kw_only=True):
    """The text so far, of a text that comes bit by bit."""

    text: Annotated[str, about("All of it, in place of what came before.")]


class DeletedJob(Resource, frozen=True, kw_only=True):
    """What is left of a job that was deleted while it was watched."""

    id: JobId
    object: Literal["job"] = "job"
    status: Status


class EventResource(Resource, frozen=True, kw_only=True):
    """Something that happened to the job."""

    id: Annotated[str, about("Events are in the order of their ids.", example="1795186218040-0")]
    event: Annotated[str, about("What happened, as in the stream.", example="status", enum=list(KINDS)[2:-1])]
    at: Annotated[Time, about("When it happened.", example=examples.STARTED_AT)]
    data: Annotated[
        Any,
        about(
            "As the message `event` of the stream has it.",
            example={"status": "running", "provider": examples.PROVIDER},
            type="object",
        ),
    ]


class EventLog(ListOf[EventResource], frozen=True, kw_only=True):
    """What happened to the job, oldest first."""


class EventStreamResource(Resource, frozen=True, kw_only=True):
    """One message of the stream."""

    event: Annotated[
        str | UnsetType,
        about(
            "\n".join(("What the message says:\n", *(f"- `{name}`: {text}" for name, text in KINDS.items()))),
            enum=list(KINDS),
        ),
    ] = UNSET
    id: Annotated[str | UnsetType, about("Where to go on from (`Last-Event-ID`).")] = UNSET
    data: Annotated[
        str, about("As its kind has it.", example='{"status":"running"}', contentMediaType="application/json")
    ]
    retry: Annotated[Count | UnsetType, about("Milliseconds until the client connects again.")] = UNSET


#: Messages of one event: kind and data.
Messages = Sequence[tuple[str, Resource]]


def log_of(entry: LoggedEvent, job_id: str, links: Links) -> list[EventResource]:
    """One event in the JSON form of the log."""
    at = rfc3339(entry.event.at)
    return [
        EventResource(id=entry.id, event=kind, at=at, data=data)
        for kind, data in messages_of(entry.event, job_id, links)
    ]


def is_end(event: e.JobEvent) -> bool:
    """Whether nothing comes after it."""
    return isinstance(event, ENDS)


@singledispatch
def messages_of(event: e.Event, job_id: str, links: Links) -> Messages:
    """What an event tells. An event with nothing more to say is a plain status."""
    del job_id, links
    return [("status", StatusMessage(status=_PLAIN[type(event)]))]


_PLAIN: Final[dict[type[e.Event], Status]] = {
    e.Submitted: Status.QUEUED,
    e.Canceled: Status.CANCELED,
    e.Expired: Status.EXPIRED,
}


@messages_of.register
def _(event: e.Parked, _job_id: str, _links: Links) -> Messages:
    return [("queue", queue_resource(Waiting(reason=event.reason, until=event.until)))]


@messages_of.register
def _(event: e.Started, _job_id: str, _links: Links) -> Messages:
    return [("status", StatusMessage(status=Status.RUNNING, provider=event.provider))]


@messages_of.register
def _(event: e.Hedged, _job_id: str, _links: Links) -> Messages:
    return [("log", LogMessage(level="info", text=f"this takes long: {event.provider} was asked as well"))]


@messages_of.register
def _(event: e.AttemptFailed, _job_id: str, _links: Links) -> Messages:
    text = f"{event.error.provider} failed, the other goes on: {event.error.detail}"
    return [("log", LogMessage(level="warning", text=text))]


@messages_of.register
def _(event: e.UpstreamQueued, _job_id: str, _links: Links) -> Messages:
    return [("queue", queue_resource(Waiting(reason="upstream_queue"), event))]


@messages_of.register
def _(event: e.Progressed, _job_id: str, _links: Links) -> Messages:
    return [("progress", progress_resource(event))]


@messages_of.register
def _(event: e.Previewed, job_id: str, links: Links) -> Messages:
    return [("preview", preview_resource(job_id, event.index, event.at, links))]


@messages_of.register
def _(_event: e.Wrote, _job_id: str, _links: Links) -> Messages:
    # The stream sends the whole text, which the job has; the log does without.
    return []


@messages_of.register
def _(event: e.Logged, _job_id: str, _links: Links) -> Messages:
    return [("log", LogMessage(level=event.level, text=event.text))]


@messages_of.register
def _(event: e.Noted, _job_id: str, _links: Links) -> Messages:
    return [("log", LogMessage(level="info", text=event.note))]


@messages_of.register
def _(event: e.Requeued, _job_id: str, _links: Links) -> Messages:
    waiting = None if event.reason is None else Waiting(reason=event.reason, until=event.not_before)
    message = StatusMessage(
        status=Status.QUEUED,
        outcome=event.outcome,
        error=failure_resource(event.error),
        reason=UNSET if waiting is None else waiting.reason,
        message=UNSET if waiting is None else waiting.message,
        until=optional_time(event.not_before),
    )
    return [("status", message)]


@messages_of.register
def _(event: e.CancelRequested, _job_id: str, _links: Links) -> Messages:
    return [("status", StatusMessage(status=Status.RUNNING, cancel_requested_at=rfc3339(event.at)))]


@messages_of.register(e.Succeeded)
@messages_of.register(e.Recalled)
def _(event: e.Succeeded | e.Recalled, job_id: str, links: Links) -> Messages:
    outputs = [("output", output_resource(job_id, output, links)) for output in event.outputs]
    return [*outputs, ("status", StatusMessage(status=Status.SUCCEEDED))]


@messages_of.register
def _(event: e.Failed, _job_id: str, _links: Links) -> Messages:
    return [("status", StatusMessage(status=Status.FAILED, error=failure_resource(event.error)))]
