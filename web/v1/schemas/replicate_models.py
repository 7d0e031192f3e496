"""A model as Replicate's clients read it. It stands in the list of models beside our own form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from jobs.resources.base import Count, Resource, Time, UnixTime, Url, about, rfc3339
from jobs.resources.prediction import model_name
from providers.catalog import Model
from providers.inputs.schema import input_schema
from providers.spec import ModelSpec

#: When an app was made is not known here; see :data:`web.v1.schemas.catalog`.
_CREATED: Final = 0
#: No app here was made by Cog. The clients compare it: they take any list of a version before 0.3.9 for a text.
_COG: Final = "0.3.9"
#: What a model makes, by its kind; clients join the parts of a text.
_TEXT: Final[Mapping[str, Any]] = {
    "type": "array",
    "items": {"type": "string"},
    "x-cog-array-type": "iterator",
    "x-cog-array-display": "concatenate",
}
_FILES: Final[Mapping[str, Any]] = {"type": "array", "items": {"type": "string", "format": "uri"}}
_ANYTHING: Final[Mapping[str, Any]] = {"type": "array", "items": {}}


class ReplicateVersion(Resource, frozen=True, kw_only=True):
    """The one version of a model."""

    id: Annotated[str, about("The name of the model: `version` of a prediction takes it.", example="flux-schnell")]
    created_at: Annotated[Time, about("Not known: always 1970.", example="1970-01-01T00:00:00.000Z")]
    cog_version: Annotated[str, about("A constant.", example=_COG)]
    openapi_schema: Annotated[dict[str, Any], about("`Input` and `Output` in `components.schemas`.", example={})]


class ReplicateModel(Resource, frozen=True, kw_only=True):
    """A model in Replicate's words, and what OpenAI's clients want of one."""

    url: Annotated[Url, about("Its address.", example="http://127.0.0.1:8000/v1/models/darkroom/flux-schnell")]
    owner: Annotated[str, about("What stands before the `/` of its name, or `darkroom`.", example="darkroom")]
    name: Annotated[str, about("Its name.", example="flux-schnell")]
    description: Annotated[str | None, about("What it is good for.", example="text-to-image")]
    visibility: Literal["public"] = "public"
    run_count: Annotated[Count, about("Not counted: always 0.", example=0)]
    github_url: None = None
    paper_url: None = None
    license_url: None = None
    cover_image_url: None = None
    default_example: None = None
    latest_version: ReplicateVersion
    id: Annotated[str, about("For OpenAI's clients.", example="flux-schnell")]
    object: Literal["model"] = "model"
    created: Annotated[UnixTime, about("For OpenAI's clients: always 0.", example=_CREATED)]
    owned_by: Annotated[str, about("For OpenAI's clients.", example="darkroom")]


def replicate_model(found: Model, base: str) -> ReplicateModel:
    """A model as Replicate's clients read it; addresses are below ``base``."""
    full = model_name(found.name)
    owner, _, name = full.partition("/")
    return ReplicateModel(
        url=f"{base}/v1/models/{full}",
        owner=owner,
        name=name,
        description=f"Makes: {found.spec.kind}. Providers: {', '.join(found.providers)}.",
        run_count=0,
        latest_version=replicate_version(found),
        id=found.name,
        created=_CREATED,
        owned_by=owner,
    )


def replicate_version(found: Model) -> ReplicateVersion:
    """The version of a model."""
    return ReplicateVersion(
        id=found.name,
        created_at=rfc3339(_CREATED),
        cog_version=_COG,
        openapi_schema={
            "openapi": "3.1.0",
            "info": {"title": found.name, "version": "1"},
            "paths": {},
            "components": {"schemas": {"Input": input_schema(found.spec), "Output": _output(found.spec)}},
        },
    )


def _output(spec: ModelSpec) -> Mapping[str, Any]:
    if spec.any_kind or spec.kind == "json":
        return _ANYTHING
    return _TEXT if spec.kind == "text" else _FILES
