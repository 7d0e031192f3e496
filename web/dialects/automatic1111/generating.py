"""``txt2img`` and ``img2img``: pictures from texts and from pictures."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request

from web.dialects.automatic1111.answers import answer
from web.dialects.automatic1111.declared import LABEL, Refused, Route
from web.dialects.automatic1111.orders import order
from web.dialects.automatic1111.schemas import IMAGE_TO_IMAGE, NUMBERS, TEXT_TO_IMAGE, Generated, TextToImage
from web.dialects.bodies import without_nulls
from web.dialects.ignored import IGNORED_HEADER
from web.dialects.waiting import answer_when_ended
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer
from web.http.problems import invalid
from web.v1 import idempotency
from web.v1.accept import ERRORS

blueprint = Blueprint("automatic1111_generating", __name__)

#: What programs send of their own settings: an address, and a password. Nothing may see them.
_PRIVATE: Final = ("url", "auth")
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)

_Made = partial(
    Route, tag=LABEL, scope="submit", submits=True, parameters=(idempotency.KEY, idempotency.REPEATS),
    answers=(
        Answer(
            200,
            "The pictures. An error that comes after more than a minute is in the body.",
            {"application/json": (Generated, Refused)},
            headers=(IGNORED_HEADER, REPLAYED),
        ),
    ),
    errors=(*ERRORS, "rate_limited", "too_many_streams"),
)  # fmt: skip


@blueprint.post("/sdapi/v1/txt2img")
@_Made("sdapiTextToImage", body=TEXT_TO_IMAGE)
def txt2img() -> Response:
    """Make pictures.

    The answer comes when the pictures are there; after a minute it begins with white space. Sampler, scheduler, VAE, scripts
    and styles have no effect: an app has its own.
    """
    body = _body()
    return _made(TEXT_TO_IMAGE.read(body), body)


@blueprint.post("/sdapi/v1/img2img")
@_Made("sdapiImageToImage", body=IMAGE_TO_IMAGE)
def img2img() -> Response:
    """Make pictures from pictures.

    As `txt2img`, with a model that takes pictures.
    """
    body = _body()
    asked = IMAGE_TO_IMAGE.read(body)
    if not asked.init_images:
        raise invalid("/init_images", "is missing: send the picture in it, in base64")
    return _made(asked, body)


def _made(asked: TextToImage, body: dict[str, Any]) -> Response:
    made, ordered = order(asked, body)
    return answer_when_ended(made, partial(answer, ordered))


def _body() -> Any:  # noqa: ANN401 - any JSON
    """The body without what is private, and with its numbers as numbers. A script that has no effect may have pictures."""
    body = without_nulls(read_json(request, PICTURE_BODY))
    if not isinstance(body, dict):
        return body
    return {
        name: _number(value) if name in NUMBERS and isinstance(value, str) else value
        for name, value in body.items()
        if name not in _PRIVATE
    }


def _number(text: str) -> object:
    """A number that is written as a text; any other text as it is."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    return float(text) if found[1] and float(text) % 1 else int(text.partition(".")[0])
