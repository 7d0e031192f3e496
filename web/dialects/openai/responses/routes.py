"""``POST /v1/responses``, ``GET /v1/responses/{id}`` and its cancel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request
from msgspec import structs

from web.dialects.bodies import without_nulls
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.models import size_of
from web.dialects.openai.conversing import talk
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.names import is_ours
from web.dialects.openai.orders import Order
from web.dialects.openai.responses import items
from web.dialects.openai.responses.answers import answer, recall, response_of
from web.dialects.openai.responses.schemas import RESPONSE, ResponseRequest, ResponseResource
from web.dialects.openai.responses.streams import stream
from web.dialects.waiting import answer_when_ended
from web.http.error_responses import ProblemResource
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, Parameter, json_response, ok, refuse, some
from web.http.problems import invalid
from web.http.validation import or_none
from web.services import caller, services
from web.v1.job_answers import look

blueprint = Blueprint("openai_responses", __name__)

_ANSWERS: Final = (
    Answer(
        200,
        "The response; with `stream`, its events. An error that comes after more than a minute is in the body.",
        {"application/json": (ResponseResource, ProblemResource), "text/event-stream": None},
        headers=(IGNORED_HEADER, REPLAYED),
    ),
)
_MADE: Final = ok("The response as it stands.", ResponseResource)
_TOOL: Final = "image_generation"


@blueprint.post("/v1/responses")
@Operation(
    "openaiCreateResponse", "OpenAI", "submit", submits=True, body=RESPONSE, parameters=MARKS, answers=_ANSWERS,
    errors=REFUSALS,
)  # fmt: skip
def create() -> Response:
    """Make a response.

    A model that makes texts answers in a `message`; a picture is an `image_generation_call`. With `background` the answer
    comes at once: ask `GET /v1/responses/{id}` until the status is no longer `queued` or `in_progress`.
    """
    body = without_nulls(read_json(request, PICTURE_BODY))
    asked = RESPONSE.read(body)
    if or_none(asked.previous_response_id) is not None:
        raise invalid("/previous_response_id", "is not taken here; send the earlier messages in input")
    ordered = _ordered(asked, body)
    if or_none(asked.stream):
        return stream(ordered)
    if or_none(asked.background):
        return say_ignored(json_response(response_of(ordered.job)), ordered.ignored)
    return answer_when_ended(ordered.made, partial(answer, ordered.without_jobs()))


def _ordered(asked: ResponseRequest, body: Mapping[str, Any]) -> Order:
    turns, ignored = items.read(asked.input, or_none(asked.instructions), recall)
    tools = or_none(asked.tools) or []
    number = next((number for number, tool in enumerate(tools) if tool.get("type") == _TOOL), None)
    if len(tools) > (number is not None):
        ignored.append("tools")
    stays = not or_none(asked.background) or bool(or_none(asked.stream))
    if number is None:
        return talk(asked, turns, body, ignored=ignored, stays=stays)
    tool = tools[number]
    named = tool.get("model")
    if isinstance(named, str) and named and not is_ours(or_none(asked.model)):
        asked = structs.replace(asked, model=named[:128])
    place = f"/tools/{number}/size"
    sides = _sides(tool, place)
    return talk(
        asked, turns, body, kind="image", given=sides, places=dict.fromkeys(sides, place), ignored=ignored, stays=stays
    )


def _sides(tool: Mapping[str, Any], place: str) -> dict[str, int]:
    size = tool.get("size")
    sides = size_of(size, place) if isinstance(size, str) else None
    return {} if sides is None else {"width": sides[0], "height": sides[1]}


@blueprint.get("/v1/responses/resp_<job:job_id>")
@Operation(
    "openaiGetResponse",
    "OpenAI",
    "read",
    parameters=(Parameter("stream", "query", "Refused: ask again until it has ended.", schema={"enum": ["false"]}),),
    answers=(_MADE,),
    errors=("not_found", "gone", "invalid_input"),
)
def get(job_id: str) -> Response:
    """Get a response.

    Any job can be read so; the id is that of the job, behind `resp_`.
    """
    if some(request, "stream").get("stream", "false") != "false":
        raise refuse("stream", "is not taken here; ask again until the response has ended")
    return json_response(response_of(look(job_id).record.job))


@blueprint.post("/v1/responses/resp_<job:job_id>/cancel")
@Operation("openaiCancelResponse", "OpenAI", "submit", answers=(_MADE,), errors=("not_found", "gone"))
def cancel(job_id: str) -> Response:
    """Cancel a response.

    A job that runs ends as soon as possible; one that has ended stays as it is.
    """
    services().jobs.cancel(job_id, caller().owner)
    return json_response(response_of(look(job_id).record.job))
