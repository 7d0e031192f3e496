"""A job as a response, as it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import Response
from msgspec import UNSET

from jobs import ids
from jobs.errors import JobGone, JobNotFound
from jobs.files import ArtifactNotFound
from jobs.model import Job, Output, Status
from jobs.resources.base import optional
from web.dialects.failures import failed
from web.dialects.ignored import say_ignored
from web.dialects.openai.failure import failure_in
from web.dialects.openai.orders import Order
from web.dialects.openai.responses.schemas import (
    IncompleteDetails,
    ResponseItem,
    ResponseResource,
    ResponseStatus,
    TextPart,
)
from web.dialects.pictures import in_base64, pictures_of
from web.dialects.texts import as_text
from web.http.operation import json_response
from web.v1.job_answers import look

_STATUSES: Final[dict[Status, ResponseStatus]] = {
    Status.QUEUED: "queued",
    Status.RUNNING: "in_progress",
    Status.SUCCEEDED: "completed",
    Status.FAILED: "failed",
    Status.CANCELED: "cancelled",
    Status.EXPIRED: "incomplete",
}
_MESSAGE: Final = re.compile(f"msg_({ids.JOB})")


def answer(ordered: Order, jobs: Sequence[Job]) -> Response:
    """The answer to a request whose job has ended."""
    if jobs[0].status is not Status.SUCCEEDED:
        return say_ignored(failed(jobs[0]), ordered.ignored)
    return say_ignored(json_response(response_of(jobs[0])), ordered.ignored)


def response_of(job: Job) -> ResponseResource:
    """A job as a response.

    Raises:
        ArtifactNotFound: A file of its result is no longer kept.
    """
    return ResponseResource(
        id=f"resp_{job.id}",
        created_at=int(job.created_at),
        status=_STATUSES[job.status],
        error=failure_in(job),
        incomplete_details=IncompleteDetails() if job.status is Status.EXPIRED else None,
        model=job.model,
        provider=optional(job.provider),
        output=items_of(job),
        metadata={name: value for name, value in job.metadata.items() if name != "dialect"},
        parallel_tool_calls=False,
        tools=[],
    )


def items_of(job: Job) -> list[ResponseItem]:
    """What a job made: a message, if it made anything but pictures; and each picture."""
    others = others_of(job)
    message = [_message(job, as_text(job, others))] if others else []
    return [*message, *(_picture(job, output) for output in pictures_of(job))]


def others_of(job: Job) -> list[Output]:
    """The outputs of a job that are no pictures."""
    return [output for output in job.outputs if output.kind != "image"]


def _message(job: Job, text: str) -> ResponseItem:
    return ResponseItem(
        type="message",
        id=message_id(job),
        role="assistant",
        content=[TextPart(text=text, annotations=[])],
    )


def message_id(job: Job) -> str:
    """The id of the item for what a job writes."""
    return f"msg_{job.id}"


def _picture(job: Job, output: Output) -> ResponseItem:
    return ResponseItem(
        type="image_generation_call",
        id=f"ig_{job.id}_{output.index}",
        result=in_base64(job, output, "png"),
        size=f"{output.width}x{output.height}" if output.width else UNSET,
        output_format="png",
    )


def recall(item_id: str) -> str | None:
    """The text of a message that the caller was given here; None: there is none of this id."""
    found = _MESSAGE.fullmatch(item_id)
    if found is None:
        return None
    try:
        job = look(found[1]).record.job
        return as_text(job, others_of(job)) or None
    except (JobNotFound, JobGone, ArtifactNotFound):
        return None
