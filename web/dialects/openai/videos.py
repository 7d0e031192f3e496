"""``/v1/videos``: films that are made in the background."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from jobs import ids
from jobs.model import Job, Status
from jobs.record.lists.places import cursor_of
from jobs.record.lists.wanted import Wanted
from jobs.resources import examples
from jobs.resources.base import ListOf, Resource, UnixTime, about
from media import FORMATS
from providers.route import Route
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.made import say_joined
from web.dialects.models import used
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.failure import Failure, failure_in
from web.dialects.openai.fields import Fields
from web.dialects.openai.forms import read_body, sources
from web.dialects.openai.images import sides_of
from web.dialects.openai.orders import Said, order
from web.dialects.picture_inputs import picture_inputs
from web.http.file_response import RANGE
from web.http.headers import REPLAYED
from web.http.operation import Answer, Operation, Parameter, json_response, ok, only, refuse, some, whole_number, words
from web.http.problems import Problem
from web.http.validation import BodyReader, or_none
from web.services import caller, services
from web.v1.job_answers import document_of, look
from web.v1.job_documents import Seen
from web.v1.lists import LIMIT, ListQuery, page_of
from web.v1.results import output_file

blueprint = Blueprint("openai_videos", __name__)

#: In the metadata of a job: a request for a video made it.
_MARK: Final = {"object": "video"}
_PICTURE: Final = "/input_reference"
#: Milliseconds after which OpenAI's packages ask again.
_POLL: Final = "openai-poll-after-ms"
_STATUSES: Final[dict[Status, Literal["queued", "in_progress", "completed", "failed"]]] = {
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
    status: Annotated[
        Literal["queued", "in_progress", "completed", "failed"], about("How far it is.", example="completed")
    ]
    progress: Annotated[int, about("In percent.", example=100)]
    model: Annotated[str, about("The model.", example="my-films")]
    prompt: Annotated[str | None, about("What it shows.", example="a lighthouse at dusk")]
    seconds: Annotated[str | UnsetType, about("How long it is, or is to be.", example="4")] = UNSET
    size: Annotated[str | UnsetType, about("WIDTHxHEIGHT.", example="1280x720")] = UNSET
    error: Annotated[
        Failure | None, about("Why it failed.", example={"code": "provider_error", "message": "the app crashed"})
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


_VIDEO: Final = ok("The video as it stands.", VideoResource, (_POLL,))


@blueprint.post("/v1/videos")
@Operation(
    "openaiCreateVideo", "OpenAI", "submit", submits=True, body=VIDEO, body_type="multipart/form-data", parameters=MARKS,
    answers=(ok("The video, which is made meanwhile.", VideoResource, (_POLL, IGNORED_HEADER, REPLAYED)),), errors=REFUSALS,
)  # fmt: skip
def create() -> Response:
    """Make a video.

    For models that make films. The answer comes at once: ask for it until its status is `completed` or `failed`.
    """
    sent = read_body()
    asked = VIDEO.read(sent.fields)
    pictures = [*sent.files(), *sources(asked.input_reference, _PICTURE)]
    sides = sides_of(or_none(asked.size), sent.fields)
    seconds = {} if asked.seconds is UNSET else {"seconds": asked.seconds}

    def say(route: Route) -> Said:
        found = picture_inputs(route, pictures, (), at=_PICTURE) if pictures else {}
        return Said(found, {f"/input/{name}": _PICTURE for name in found})

    ordered = order(
        asked,
        sent.identified("input_reference"),
        "video",
        say,
        kind_only=True,
        given={"prompt": asked.prompt, **sides, **seconds},
        places=dict.fromkeys(sides, "/size"),
        metadata=_MARK,
        stays=False,
    )
    return say_joined(say_ignored(_answer(look(ordered.job.id)), ordered.ignored), ordered.made)


@blueprint.get("/v1/videos")
@Operation(
    "openaiListVideos",
    "OpenAI",
    "read",
    parameters=(
        LIMIT,
        Parameter("after", "query", "The last `id` of the part before."),
        Parameter("order", "query", "Newest first.", schema={"enum": ["desc"]}),
    ),
    answers=(ok("Your videos, newest first.", VideoList),),
    errors=("invalid_input", "not_found", "gone"),
)
def list_videos() -> Response:
    """List your videos.

    Those that were asked for here, and not by `POST /v1/jobs`.
    """
    parameters = only(request, "limit", "after", "order")
    words(parameters, "order", ("desc",))
    owner = caller().owner
    query = ListQuery(
        parameters=_after(parameters.get("after"), owner),
        limit=whole_number(parameters, "limit", 20, 1, LIMIT.schema["maximum"]),
        wanted=Wanted(metadata=_MARK),
        since=None,
        until=None,
    )
    data, following = page_of(query, owner, owner, lambda seen: video_of(seen.record.job))
    return json_response(
        VideoList(
            data=data,
            has_more=following is not None,
            first_id=data[0].id if data else None,
            # The last job that was looked at: where few are videos, a part may have few.
            last_id=f"video_{following.partition(':')[2]}" if following else data[-1].id if data else None,
        )
    )


def _after(video_id: str | None, owner: str) -> dict[str, str]:
    """Where the list goes on after a video."""
    if video_id is None:
        return {}
    if not re.fullmatch(f"video_{ids.JOB}", video_id):
        raise refuse("after", "must be the id of a video")
    job = look(video_id.removeprefix("video_")).record.job
    return {"cursor": services().cursors.seal(owner, cursor_of((round(job.created_at * 1000), job.id)))}


@blueprint.get("/v1/videos/video_<job:job_id>")
@Operation("openaiGetVideo", "OpenAI", "read", answers=(_VIDEO,), errors=("not_found", "gone"))
def get(job_id: str) -> Response:
    """Get a video.

    Any job can be read so; the id is that of the job, behind `video_`.
    """
    return _answer(look(job_id))


@blueprint.get("/v1/videos/video_<job:job_id>/content")
@Operation(
    "openaiGetVideoContent",
    "OpenAI",
    "read",
    parameters=(Parameter("variant", "query", "The film.", schema={"enum": ["video"]}), RANGE),
    answers=(
        Answer(200, "The file, as the app made it.", dict.fromkeys(FORMATS), headers=("ETag", "Accept-Ranges")),
        Answer(206, "The range.", dict.fromkeys(FORMATS), headers=("ETag", "Content-Range")),
    ),
    errors=("not_found", "gone", "invalid_input", "precondition_failed", "range_not_satisfiable"),
)
def content(job_id: str) -> Response:
    """Get a video's file."""
    words(some(request, "variant"), "variant", ("video",))
    job = look(job_id).record.job
    outputs = sorted(job.outputs, key=lambda output: output.kind != "video")
    if not outputs:
        raise Problem("not_found", f"There is no video (yet): the job's status is {job.status}.")
    return output_file(job_id, outputs[0].index)


@blueprint.delete("/v1/videos/video_<job:job_id>")
@Operation(
    "openaiDeleteVideo", "OpenAI", "submit", answers=(ok("It is deleted.", DeletedVideo),), errors=("not_found", "gone")
)
def delete(job_id: str) -> Response:
    """Delete a video.

    With its job, which is canceled first if it has not ended.
    """
    services().jobs.delete(job_id, caller().owner)
    return json_response(DeletedVideo(id=f"video_{job_id}"))


def _answer(seen: Seen) -> Response:
    waits = dict(document_of(seen).headers).get("Retry-After")
    return json_response(video_of(seen.record.job), headers={_POLL: f"{waits}000"} if waits else {})


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
        error=failure_in(job) or (Failure(code=job.status, message=f"The job is {job.status}.") if failed else None),
    )
