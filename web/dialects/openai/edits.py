"""``POST /v1/images/edits`` and ``/v1/images/variations``: pictures made from pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from flask import Blueprint, Response, request
from msgspec import UNSET, UnsetType

from jobs.resources.base import about
from providers.spec import FILES_LIMIT
from web.dialects.bodies import without_nulls
from web.dialects.openai.declared import ANSWERS, MARKS, REFUSALS
from web.dialects.openai.images import answer, order
from web.dialects.openai.schemas import ImageFields
from web.dialects.openai.streams import stream
from web.dialects.picture_inputs import as_data_uri, picture_inputs
from web.dialects.waiting import answer_when_ended
from web.http.json_body import PICTURE_BODY, read_json
from web.http.multipart import FilePart, read_parts
from web.http.operation import Operation
from web.http.problems import invalid
from web.http.validation import BodyReader, or_none

blueprint = Blueprint("openai_edits", __name__)

#: Most bytes of a form with pictures; a larger one can be uploaded with POST /v1/files.
_FORM_BYTES: Final = 32 << 20
#: The fields of a form that are numbers, or true and false.
_INTEGERS: Final = frozenset({"n", "partial_images", "seed", "steps", "num_inference_steps", "width", "height"})
_NUMBERS: Final = frozenset({"guidance", "guidance_scale", "cfg_scale"})
_BOOLEANS: Final = {"true": True, "false": False}


class ImageEdit(ImageFields, frozen=True, kw_only=True):
    """A request for pictures made from pictures: a form with files, or JSON that names them."""

    image: Annotated[
        str | list[str] | UnsetType,
        about(
            "A picture, or several (also as `image[]`): in a form the file; in JSON a `data:` URI, a URL or a file id."
        ),
    ] = UNSET
    images: Annotated[list[dict[str, str]] | UnsetType, about("JSON: pictures as `{image_url}` or `{file_id}`.")] = (
        UNSET
    )
    mask: Annotated[str | UnsetType, about("Where the picture may change.")] = UNSET


class ImageVariation(ImageEdit, frozen=True, kw_only=True):
    """A request for other pictures like one."""

    prompt: Annotated[str, about("Not needed, where the model needs none.")] = ""


EDIT: Final = BodyReader(
    ImageEdit,
    examples={"plain": {"summary": "Change a picture", "value": {"prompt": "at night", "image": "file_01K5ZZ…"}}},
)
VARIATION: Final = BodyReader(
    ImageVariation, examples={"plain": {"summary": "Others like it", "value": {"image": "file_01K5ZZ…"}}}
)


@blueprint.post("/v1/images/edits")
@Operation(
    "openaiEditImages", "OpenAI", "submit", submits=True, body=EDIT, body_type="multipart/form-data", parameters=MARKS,
    answers=ANSWERS, errors=REFUSALS,
)  # fmt: skip
def edits() -> Response:
    """Edit pictures.

    For models that take pictures. The body is a form with files, or JSON.
    """
    return _make(EDIT)


@blueprint.post("/v1/images/variations")
@Operation(
    "openaiVaryImages", "OpenAI", "submit", submits=True, body=VARIATION, body_type="multipart/form-data",
    parameters=MARKS, answers=ANSWERS, errors=REFUSALS,
)  # fmt: skip
def variations() -> Response:
    """Make pictures like one.

    For models that take a picture and need no prompt. The body is a form with a file, or JSON.
    """
    return _make(VARIATION)


def _make(reader: BodyReader[ImageEdit] | BodyReader[ImageVariation]) -> Response:
    body, files = _body()
    asked = reader.read(body)
    pictures = [*(as_data_uri(file.data) for file in files if file.name != "mask"), *_named(asked)]
    masks = [*(as_data_uri(file.data) for file in files if file.name == "mask"), *([asked.mask] if asked.mask else [])]
    if not pictures:
        raise invalid("/image", "is missing: send the picture in a part of this name")
    ordered = order(
        asked,
        {**body, "image": _digests(files), "mask": None},
        lambda route: picture_inputs(route, pictures, masks[:1]),
    )
    if or_none(asked.stream):
        return stream(ordered, "image_edit")
    return answer_when_ended(ordered.made, partial(answer, ordered))


def _body() -> tuple[dict[str, Any], list[FilePart]]:
    """The fields of the body by the types of JSON, and the files of a form."""
    if request.mimetype == "application/json":
        return without_nulls(read_json(request, PICTURE_BODY)), []
    texts, files = read_parts(request, limit=_FORM_BYTES, most_files=FILES_LIMIT + 1)
    return {name: _typed(name, text) for name, text in texts.items()}, files


def _typed(name: str, text: str) -> object:
    """A field of a form, where all are texts, as its kind of value; a text where it is none."""
    try:
        if name in _INTEGERS:
            return int(text) if len(text) < len(str(2**63)) else text
        if name in _NUMBERS:
            return float(text)
    except ValueError:
        return text
    return _BOOLEANS.get(text, text) if name == "stream" else text


def _named(asked: ImageEdit) -> list[str]:
    """The pictures that JSON names."""
    given = or_none(asked.image)
    found = [given] if isinstance(given, str) else [*(given or ())]
    for number, entry in enumerate(or_none(asked.images) or ()):
        source = entry.get("image_url") or entry.get("file_id")
        if source is None:
            raise invalid(f"/images/{number}", "has neither image_url nor file_id")
        found.append(source)
    return found


def _digests(files: Sequence[FilePart]) -> list[str]:
    """What makes two requests with files the same."""
    return [f"{file.name} {hashlib.sha256(file.data).hexdigest()}" for file in files]
