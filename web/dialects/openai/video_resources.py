"""A video of OpenAI's API: what a request for one says, and a job as one."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.model import Job, Status
from jobs.resources import examples
from jobs.resources.base import ListOf, Resource, UnixTime, about
from web.dialects.models import used
from web.dialects.openai.failure import OpenAIFailure, failure_in
from web.dialects.openai.fields import Fields
from web.http.validation import BodyReader

VideoStatus = Literal["queued", "in_progress", "completed", "failed"]
_STATUSES: Final[dict[Status, VideoStatus]] = {
    Status.QUEUED: "queued",
    Status.RUNNING: "in_progress",
    Status.SUCCEEDED: "completed",
}


class VideoRequest(Fields, frozen=True, kw_only=True):
    """A request for a film."""

    prompt: Annotated[str, about("What to show.", example="a lighthouse at dusk")]
    seconds: Annotated[str | float | UnsetType, about("How long, where the model has it.", example="4")] = UNSET
    size: Annotated[
        Annotated[str, Meta(max_length=32)] | UnsetType, about("`auto`, or WIDTHxHEIGHT.", example="1280x720")
    ] = UNSET
    input_reference: Annotated[
        str | dict[str, str] | UnsetType,
        about("The first picture: in a form the file; in JSON as `{image_url}` or `{file_id}`."),
    ] = UNSET


VIDEO: Final = BodyReader(
    VideoRequest,
    examples={"plain": {"summary": "A film", "value": {"model": "my-films", "prompt": "a lighthouse", "seconds": "4"}}},
)


class VideoResource(Resource, frozen=True, kw_only=True):
    """A video: a job, as OpenAI's clients read it."""

    id: Annotated[str, about("`video_` and the id of the job.", example=f"video_{examples.JOB}")]
    object: Literal["video"] = "video"
    created_at: Annotated[UnixTime, about("When it was asked for (Unix seconds).", example=1_795_186_218)]
    completed_at: Annotated[UnixTime | None, about("When it ended.", example=1_795_186_260)]
    expires_at: Annotated[UnixTime | None, about("Until when it is kept.", example=1_795_272_618)]
    status: Annotated[VideoStatus, about("How far it is.", example="completed")]
    progress: Annotated[int, about("In percent.", example=100)]
    model: Annotated[str, about("The model.", example="my-films")]
    prompt: Annotated[str | None, about("What it shows.", example="a lighthouse at dusk")]
    seconds: Annotated[str | UnsetType, about("How long it is, or is to be.", example="4")] = UNSET
    size: Annotated[str | UnsetType, about("WIDTHxHEIGHT.", example="1280x720")] = UNSET
    error: Annotated[
        OpenAIFailure | None, about("Why it failed.", example={"code": "provider_error", "message": "the app crashed"})
    ]


class VideoList(ListOf[VideoResource], frozen=True, kw_only=True):
    """A part of the list of videos, newest first."""

    first_id: Annotated[str | None, about("The first `id` of it.", example=f"video_{examples.JOB}")]
    last_id: Annotated[
        str | None, about("The last one: give it as `after` for the next part.", example=f"video_{examples.JOB}")
    ]


class DeletedVideo(Resource, frozen=True, kw_only=True):
    """A video that was deleted."""

    id: Annotated[str, about("Its id.", example=f"video_{examples.JOB}")]
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def video_of(job: Job) -> VideoResource:
    """A job as a video."""
    film = next((output for output in job.outputs if output.kind == "video"), None)
    seconds = used(job, "duration") if film is None or film.duration is None else film.duration
    sides = (used(job, "width"), used(job, "height")) if film is None or not film.width else (film.width, film.height)
    status, failed = _STATUSES.get(job.status, "failed"), job.status.is_unsuccessful
    fraction = 1.0 if status == "completed" else (job.progress.fraction if job.progress else None) or 0.0
    return VideoResource(
        id=f"video_{job.id}",
        created_at=int(job.created_at),
        completed_at=None if job.finished_at is None else int(job.finished_at),
        expires_at=None if job.expires_at is None else int(job.expires_at),
        status=status,
        progress=int(100 * fraction),
        model=job.model,
        prompt=str(job.input.get("prompt", "")) or None,
        seconds=UNSET if seconds is None else f"{seconds:g}",
        size=UNSET if None in sides else f"{sides[0]}x{sides[1]}",
        error=failure_in(job)
        or (OpenAIFailure(code=job.status, message=f"The job is {job.status}.") if failed else None),
    )
