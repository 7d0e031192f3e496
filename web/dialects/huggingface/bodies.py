"""The body of a request to a model: JSON with ``inputs`` and ``parameters``, or the bytes of a picture alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from flask import Request
from msgspec import UNSET, UnsetType

import media
from jobs.resources.base import about
from web.dialects.bodies import DialectBody, unknown_fields, without_nulls
from web.http.json_body import PICTURE_BODY, read_bytes, read_json
from web.http.problems import Problem, invalid
from web.http.validation import BodyReader, or_none


class Inference(DialectBody, frozen=True, kw_only=True):
    """A request to a model. A picture alone can also be sent as it is, without JSON."""

    inputs: Annotated[
        str, about("The prompt; for a model that takes a picture, that in base64.", example="a lighthouse at dusk")
    ]
    parameters: Annotated[
        dict[str, Any] | UnsetType,
        about("What the model takes, by its own names or Hugging Face's; and `prompt`, where `inputs` is a picture."),
    ] = UNSET
    stream: Annotated[bool | UnsetType, about("Only false: it is the chat that streams.")] = UNSET


INFERENCE: Final = BodyReader(
    Inference,
    examples={
        "image": {
            "summary": "Text to image",
            "value": {"inputs": "a lighthouse at dusk", "parameters": {"width": 1024, "height": 768, "seed": 7}},
        },
        "edit": {
            "summary": "Image to image",
            "value": {"inputs": "iVBORw0KGgo…", "parameters": {"prompt": "at night"}},
        },
    },
)
#: Characters of base64 that are enough to tell a picture.
_HEAD: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was read.

    Args:
        inputs: A text, or a picture as a ``data:`` URI.
        is_picture: Which of them.
        place: JSON pointer to it.
        parameters: Those that are not null.
        same: What tells the inputs of two requests apart.
        ignored: The other fields.
    """

    inputs: str
    is_picture: bool
    place: str
    parameters: Mapping[str, Any]
    same: str
    ignored: tuple[str, ...] = ()


def read(request: Request) -> Asked:
    """The body of a request.

    Raises:
        Problem: 400, 413, 415 or 422.
        RequestEntityTooLarge: It is longer than :data:`web.http.json_body.PICTURE_BODY`.
    """
    if request.mimetype != "application/json":
        return _alone(read_bytes(request, PICTURE_BODY))
    body = without_nulls(read_json(request, PICTURE_BODY))
    asked = INFERENCE.read(body)
    if or_none(asked.stream):
        raise invalid("/stream", "must be false here; the chat streams: /v1/chat/completions below this address")
    picture = _picture_in(asked.inputs)
    return Asked(
        inputs=picture or asked.inputs,
        is_picture=picture is not None,
        place="/inputs",
        parameters=without_nulls(or_none(asked.parameters) or {}),
        same=asked.inputs,
        ignored=tuple(unknown_fields(body, Inference)),
    )


def _alone(data: bytes) -> Asked:
    """A body that is a picture. Its content type says nothing: programs leave it out, or give that of a form."""
    picture = _uri(data, base64.b64encode(data).decode())
    if picture is None:
        detail = "Send JSON, with the header Content-Type: application/json, or the bytes of a picture."
        raise Problem("unsupported_media", detail)
    return Asked(inputs=picture, is_picture=True, place="", parameters={}, same=hashlib.sha256(data).hexdigest())


def _picture_in(text: str) -> str | None:
    """The picture that a text holds: what begins as one in base64 is no prompt."""
    if text.startswith("data:image/"):
        return text
    coded = text.replace("\r", "").replace("\n", "")
    try:
        return _uri(base64.b64decode(coded[:_HEAD], validate=True), coded)
    except (binascii.Error, ValueError):
        return None


def _uri(data: bytes, coded: str) -> str | None:
    kind = media.recognise(data[: media.HEAD]).content_type
    return f"data:{kind};base64,{coded}" if kind in media.IMAGE_TYPES else None
