"""``POST /v1/images/generations``, and the older name that other servers gave it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from web.dialects.bodies import without_nulls
from web.dialects.openai.declared import ANSWERS, MARKS, REFUSALS
from web.dialects.openai.images import make
from web.dialects.openai.schemas import GENERATION
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Operation

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
    return make(GENERATION.read(body), body, "image_generation")
