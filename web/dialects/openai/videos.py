"""``/v1/videos``: films that are made in the background."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs import ids
from jobs.record.lists.places import cursor_of
from jobs.record.lists.wanted import Wanted
from media import FORMATS
from providers.route import Route
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.made import say_joined
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.forms import read_body, sources
from web.dialects.openai.images import sides_of
from web.dialects.openai.orders import Said, order
from web.dialects.openai.video_resources import VIDEO, DeletedVideo, VideoList, VideoResource, video_of
from web.dialects.picture_inputs import picture_inputs
from web.http.file_response import RANGE
from web.http.headers import REPLAYED
from web.http.operation import Answer, Operation, Parameter, json_response, ok, only, refuse, some, whole_number, words
from web.http.problems import Problem
from web.http.validation import or_none
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
