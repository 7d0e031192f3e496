"""``POST /v1/images/generations``, and the older name that other servers gave it."""

from __future__ import annotations

from functools import partial
from typing import Final

from flask import Blueprint, Response, request

from web.dialects.openai.images import answer, order
from web.dialects.openai.schemas import GENERATION, ImageAnswer
from web.dialects.openai.streams import stream
from web.dialects.submitting import IGNORED_HEADER, without_nulls
from web.dialects.waiting import answer_when_ended
from web.http.error_responses import ProblemResource
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Answer, Operation
from web.http.validation import or_none
from web.v1 import idempotency
from web.v1.accept import ERRORS

blueprint = Blueprint("openai_generations", __name__)

#: What the image routes answer, and how they refuse.
ANSWERS: Final = (
    Answer(
        200,
        "The pictures; with `stream`, the events. An error that comes after more than a minute is in the body.",
        {"application/json": (ImageAnswer, ProblemResource), "text/event-stream": None},
        headers=(IGNORED_HEADER, idempotency.REPLAYED),
    ),
    Answer(504, "`job_failed`: a job took too long.", {"application/problem+json": ProblemResource}),
)
REFUSALS: Final = (*ERRORS, "job_failed", "rate_limited", "too_many_streams")
MARKS: Final = (idempotency.KEY, idempotency.REPEATS)


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
