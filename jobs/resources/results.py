"""What a job came to, as the API and webhooks show it: its outputs, how they were made, why it failed, its attempts. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from jobs.error_codes import CAUSES
from jobs.model import Attempt, Failure, Job, Outcome, Output, Recipe
from jobs.resources import examples
from jobs.resources.base import (
    Count,
    JobId,
    Links,
    Resource,
    Sha256,
    Time,
    Url,
    about,
    optional,
    optional_time,
    rfc3339,
)
from media import Kind, kind_of


class OutputResource(Resource, frozen=True, kw_only=True):
    """One result of the job: a file, a text, or data."""

    index: Annotated[Count, about("Its number, from 0.", example=0)]
    kind: Annotated[
        Kind, about("What it is: `image`, `video`, `audio`, `model` (3D), `file`, `text` or `json`.", example="image")
    ]
    url: Annotated[Url, about("The file.", example=f"{examples.JOB_URL}/outputs/0")]
    content_type: Annotated[str | UnsetType, about("The type of the file.", example="image/webp")] = UNSET
    filename: Annotated[str | UnsetType, about("A name to save the file under.", example="mesh.glb")] = UNSET
    width: Annotated[Count | UnsetType, about("In pixels.", example=768)] = UNSET
    height: Annotated[Count | UnsetType, about("In pixels.", example=768)] = UNSET
    duration: Annotated[float | UnsetType, about("Seconds of a video or sound, where they are known.")] = UNSET
    frame_rate: Annotated[float | UnsetType, about("Images in a second of a video.")] = UNSET
    poster: Annotated[
        Url | UnsetType, about("A small image that stands for a video (one of its images) or a sound (its wave form).")
    ] = UNSET
    bytes: Annotated[Count | UnsetType, about("Size of the file.", example=48213)] = UNSET
    sha256: Annotated[Sha256 | UnsetType, about("SHA-256 of the file, in hex.", example=examples.SHA256)] = UNSET
    seed: Annotated[int | UnsetType, about("The seed that was really used.", example=7)] = UNSET
    label: Annotated[str | UnsetType, about("The app's name for the output.", example="Result")] = UNSET
    caption: Annotated[str | UnsetType, about("What the app says of this file, as under an image of a gallery.")] = (
        UNSET
    )
    text: Annotated[str | UnsetType, about("The text itself. Of a very long one the begin: the file has all.")] = UNSET
    data: Annotated[Any | UnsetType, about("The JSON value itself. A very large one is only in the file.")] = UNSET
    expires_at: Annotated[Time | UnsetType, about("When the file is deleted.", example=examples.EXPIRES_AT)] = UNSET


class RecipeResource(Resource, frozen=True, kw_only=True):
    """How the outputs were made. `model`, `provider` and `input` are a submission that makes them again."""

    model: Annotated[str, about("The provider's exact name for the model.", example=examples.MODEL)]
    provider: Annotated[str | UnsetType, about("The provider that ran it.", example=examples.PROVIDER)] = UNSET
    space: Annotated[str | UnsetType, about("Its Space on the Hub.", example=examples.SPACE)] = UNSET
    url: Annotated[
        Url | UnsetType,
        about(
            "Its address, if that is a public https one.",
            example="https://black-forest-labs-flux-1-schnell.hf.space",
        ),
    ] = UNSET
    revision: Annotated[
        str | UnsetType, about("The Space's commit, as the last probe found it.", example=examples.COMMIT)
    ] = UNSET
    input: Annotated[
        dict[str, Any], about("What was really used, with the seed that was really used.", example=examples.INPUT)
    ]
    job_id: Annotated[JobId, about("The job that ran it.", example=examples.JOB)]
    created_at: Annotated[Time, about("When that job was submitted.", example=examples.CREATED_AT)]
    darkroom: Annotated[str, about("The version of Darkroom.", example="0.1.0")]


class FailureResource(Resource, frozen=True, kw_only=True):
    """Why a job or an attempt failed."""

    code: Annotated[str, about("Stable: a program can decide by it.", enum=list(CAUSES))]
    detail: Annotated[str, about("What happened, for people.")]
    retryable: Annotated[bool, about("Whether the same job may succeed later or elsewhere.")]
    provider: Annotated[str | UnsetType, about("The provider that failed.")] = UNSET
    retry_after: Annotated[float | UnsetType, about("Seconds until the provider takes jobs again, as it says.")] = UNSET


class AttemptResource(Resource, frozen=True, kw_only=True):
    """One run of the job on one provider."""

    n: Annotated[int, Meta(ge=1, description="Its number.", examples=[1])]
    provider: Annotated[str, about("The provider that ran it.", example=examples.PROVIDER)]
    hedge: Annotated[
        bool | UnsetType, about("`true`: it was started beside the attempt before it, which took long.")
    ] = UNSET
    started_at: Annotated[Time, about("When it began.", example=examples.STARTED_AT)]
    ended_at: Annotated[
        Time | UnsetType, about("When it ended; absent while it runs.", example=examples.FINISHED_AT)
    ] = UNSET
    outcome: Annotated[Outcome | UnsetType, about("Absent while it runs.", example="succeeded")] = UNSET
    error: FailureResource | UnsetType = UNSET
    notes: Annotated[list[str] | UnsetType, about("What became of its submissions at the provider.")] = UNSET


def output_resource(job_id: str, output: Output, links: Links, expires_at: float | None = None) -> OutputResource:
    """One output."""
    url = links.job(job_id, "outputs", str(output.index))
    return OutputResource(
        index=output.index,
        kind=output.kind,
        url=url,
        content_type=optional(output.content_type or kind_of(output.kind).inline_type),
        filename=optional(output.filename),
        width=optional(output.width),
        height=optional(output.height),
        duration=optional(output.duration),
        frame_rate=optional(output.frame_rate),
        poster=UNSET if output.poster is None else f"{url}?format=webp",
        bytes=optional(output.bytes),
        sha256=optional(output.sha256),
        seed=optional(output.seed),
        label=optional(output.label),
        caption=optional(output.caption),
        text=optional(output.text),
        data=output.data,
        expires_at=optional_time(expires_at),
    )


def recipe_resource(job: Job, recipe: Recipe) -> RecipeResource:
    """How the outputs were made."""
    return RecipeResource(
        model=recipe.model,
        provider=optional(job.provider),
        space=optional(recipe.space),
        url=optional(recipe.url),
        revision=optional(recipe.revision),
        input={**job.input, **recipe.fixed},
        job_id=recipe.job_id,
        created_at=rfc3339(recipe.at),
        darkroom=recipe.version,
    )


def failure_resource(failure: Failure | None) -> FailureResource | UnsetType:
    """Why a job or an attempt failed; UNSET where it did not."""
    if failure is None:
        return UNSET
    return FailureResource(
        code=failure.code,
        detail=failure.detail,
        retryable=failure.retryable,
        provider=optional(failure.provider),
        retry_after=optional(failure.retry_after),
    )


def attempt_resource(attempt: Attempt) -> AttemptResource:
    """One attempt."""
    return AttemptResource(
        n=attempt.n,
        provider=attempt.provider,
        hedge=attempt.hedge or UNSET,
        started_at=rfc3339(attempt.started_at),
        ended_at=optional_time(attempt.ended_at),
        outcome=optional(attempt.outcome),
        error=failure_resource(attempt.error),
        notes=list(attempt.notes) or UNSET,
    )
