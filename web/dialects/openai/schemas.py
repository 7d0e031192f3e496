"""The bodies of OpenAI's image routes, with the fields that we add, and their answers."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Resource, UnixTime, Url, about
from web.dialects.openai.fields import Fields
from web.http.validation import BodyReader, or_none

#: Most pictures of one request.
MOST_PICTURES: Final = 10

_Size = Annotated[str, Meta(max_length=32)]


class ImageFields(Fields, frozen=True, kw_only=True):
    """What all image routes take."""

    prompt: Annotated[str, about("What to show.", example="a lighthouse at dusk")]
    n: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_PICTURES)] | UnsetType,
        about("How many pictures: each is a job. With a `seed`, the others get the next ones."),
    ] = UNSET
    size: Annotated[_Size | UnsetType, about("`auto`, or WIDTHxHEIGHT.", example="1024x768")] = UNSET
    response_format: Annotated[
        Literal["url", "b64_json"] | UnsetType,
        about(
            "What each item has. By default both, and for a model whose name begins with `gpt-image` only `b64_json`."
            " `url` works without a key as long as the job is kept."
        ),
    ] = UNSET
    output_format: Annotated[
        Literal["png", "jpeg", "webp"] | UnsetType, about("Of the pictures; `png` by default.")
    ] = UNSET
    stream: Annotated[bool | UnsetType, about("Answer with events as the picture comes.")] = UNSET
    partial_images: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | UnsetType, about("Streaming: previews to send at most.")
    ] = UNSET

    @property
    def form(self) -> str:
        """The format of the pictures in base64."""
        return or_none(self.output_format) or "png"


class ImageGeneration(ImageFields, frozen=True, kw_only=True):
    """A request for pictures."""


GENERATION: Final = BodyReader(
    ImageGeneration,
    examples={
        "plain": {"summary": "A picture", "value": {"prompt": "a lighthouse at dusk", "model": "flux-schnell"}},
        "more": {
            "summary": "Two pictures of a size, with a seed",
            "value": {"prompt": "a lighthouse", "n": 2, "size": "1024x768", "seed": 7, "response_format": "url"},
        },
    },
)


class ImageItem(Resource, frozen=True, kw_only=True):
    """One picture."""

    url: Annotated[
        Url | UnsetType,
        about(
            "Where it is; it needs no key.",
            example=f"{examples.JOB_URL}/outputs/0?sig=WyJsb2NhbCIsIi92MS9qb2JzLy4uLiJd.Q1c",
        ),
    ] = UNSET
    b64_json: Annotated[str | UnsetType, about("Its file in base64.", example="iVBORw0KGgo=")] = UNSET
    revised_prompt: Annotated[
        str | UnsetType, about("The prompt that the model got.", example="a lighthouse at dusk")
    ] = UNSET


class ImageAnswer(Resource, frozen=True, kw_only=True):
    """The pictures of a request."""

    created: Annotated[UnixTime, about("When they were asked for (Unix seconds).", example=1_795_186_218)]
    data: Annotated[list[ImageItem], about("The pictures.")]
    size: Annotated[str | UnsetType, about("WIDTHxHEIGHT of the first one.", example="1024x768")] = UNSET
    output_format: Annotated[str | UnsetType, about("Of `b64_json`.", example="png")] = UNSET
    model: Annotated[str, about("The model that made them.", example=examples.MODEL)]
    provider: Annotated[str | UnsetType, about("The provider of the first one.", example=examples.PROVIDER)] = UNSET
    job_ids: Annotated[list[str], about("Their jobs: see GET /v1/jobs/{job_id}.", example=[examples.JOB])]
