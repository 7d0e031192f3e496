"""``POST /v1/images/generations``, and the older name that other servers gave it."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, request

from web.dialects.bodies import without_nulls
from web.dialects.openai.declared import ANSWERS, MARKS, REFUSALS
from web.dialects.openai.images import answer, order
from web.dialects.openai.schemas import GENERATION
from web.dialects.openai.streams import stream
from web.dialects.waiting import answer_when_ended
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Operation
from web.http.validation import or_none

blueprint = Blueprint("openai_generations", __name__)


@blueprint.post("/v1/images/generations")
@Operation(
    "openaiGenerateImages", "OpenAI", "submit", submits=True, body=GENERATION, parameters=MARKS, answers=ANSWERS,
    errors=REFUSALS,
)  # fmt: skip
def generations() -> Response:
    """Make pictures.

    The answer comes when the pictures are there; after a minute it begins with white space. `X-Request-Id` is the id of
    the first job: if the connection breaks, the picture is at `/v1/jobs/{id}`. Sent again after that, the request joins
    its job.
    """
    return _generate()


@blueprint.post("/v1/images/generate")
@Operation(
    "openaiGenerateImage", "OpenAI", "submit", submits=True, body=GENERATION, parameters=MARKS, answers=ANSWERS,
    errors=REFUSALS,
)  # fmt: skip
def generate() -> Response:
    """Make pictures.

    The same as `POST /v1/images/generations`.
    """
    return _generate()


def _generate() -> Response:
    body = without_nulls(read_json(request, SMALL_BODY))
    ordered = order(GENERATION.read(body), body)
    if or_none(ordered.asked.stream):
        return stream(ordered, "image_generation")
    return answer_when_ended(ordered.made, partial(answer, ordered))
