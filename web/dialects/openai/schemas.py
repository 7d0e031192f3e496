"""The bodies of OpenAI's image routes, with the fields that we add, and their answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.model import Strategy
from jobs.resources import examples
from jobs.resources.base import Resource, UnixTime, Url, about
from web.dialects.bodies import DialectBody
from web.http.validation import BodyReader

#: Most pictures of one request.
MOST_PICTURES: Final = 10

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Size = Annotated[str, Meta(max_length=32)]


class ImageFields(DialectBody, frozen=True, kw_only=True):
    """What all image routes take. Of OpenAI's own fields, others are accepted and have no effect."""

    prompt: Annotated[str, about("What to show.", example="a lighthouse at dusk")]
    model: Annotated[
        _Name | UnsetType,
        about(
            "A model of GET /v1/models. OpenAI's own names (`dall-e-3`, `gpt-image-1`) mean the first image model here."
        ),
    ] = UNSET
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
    user: Annotated[str | UnsetType, about("Your end user: queues are fair between users.")] = UNSET
    seed: Annotated[int | UnsetType, about("Ours: as the parameter of the model.")] = UNSET
    steps: Annotated[int | UnsetType, about("Ours: also as `num_inference_steps`.")] = UNSET
    num_inference_steps: int | UnsetType = UNSET
    guidance: Annotated[float | UnsetType, about("Ours: also as `guidance_scale` or `cfg_scale`.")] = UNSET
    guidance_scale: float | UnsetType = UNSET
    cfg_scale: float | UnsetType = UNSET
    negative_prompt: Annotated[str | UnsetType, about("Ours: as the parameter of the model.")] = UNSET
    width: Annotated[int | UnsetType, about("Ours: in place of `size`.")] = UNSET
    height: Annotated[int | UnsetType, about("Ours: in place of `size`.")] = UNSET
    aspect_ratio: Annotated[str | UnsetType, about("Ours: in place of `size`.")] = UNSET
    strategy: Annotated[Strategy | UnsetType, about("Ours: as `strategy` of a job.")] = UNSET
    provider: Annotated[
        _Name | UnsetType, about("Ours: the only provider to use. A name that is none of ours has no effect.")
    ] = UNSET


#: The fields that are parameters of a model.
PARAMETERS: Final = (
    "seed", "steps", "num_inference_steps", "guidance", "guidance_scale", "cfg_scale", "negative_prompt", "width",
    "height", "aspect_ratio",
)  # fmt: skip


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


def given(asked: ImageFields, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a body that were given, of these."""
    return {name: value for name in names if (value := getattr(asked, name)) is not UNSET}
