"""``POST /v1/images/edits`` and ``/v1/images/variations``: pictures made from pictures."""

from __future__ import annotations

from typing import Annotated, Final

from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from jobs.resources.base import about
from web.dialects.openai.declared import ANSWERS, MARKS, REFUSALS
from web.dialects.openai.forms import read_body, sources
from web.dialects.openai.images import make
from web.dialects.openai.schemas import ImageFields
from web.dialects.picture_inputs import picture_inputs
from web.http.operation import Operation
from web.http.problems import invalid
from web.http.validation import BodyReader

blueprint = Blueprint("openai_edits", __name__)


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
    mask: Annotated[
        str | dict[str, str] | UnsetType, about("Where the picture may change: named as `image` or one of `images`.")
    ] = UNSET


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
    sent = read_body()
    asked = reader.read(sent.fields)
    masks = [*sent.files(masks=True), *sources(asked.mask, "/mask")]
    pictures = [*sent.files(), *sources(asked.image, "/image"), *sources(asked.images, "/images")]
    if not pictures:
        raise invalid("/image", "is missing: send the picture in a part of this name")
    return make(asked, sent.identified("image"), "image_edit", lambda route: picture_inputs(route, pictures, masks[:1]))
