"""What a job came to, as the API and webhooks show it: its outputs, how they were made, why it failed, its attempts. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from jobs.failures import CAUSES
from jobs.model import Attempt, Failure, Job, Outcome, Output, Recipe
from jobs.resources import examples
from jobs.resources.base import Count, JobId, Resource, Sha256, Time, Url, optional, optional_time
from jobs.resources.links import Links
from jobs.times import rfc3339
from media import KINDS, Kind


class OutputResource(Resource, frozen=True, kw_only=True):
    """One result of the job: an image, or a text."""

    index: Annotated[Count, Meta(examples=[0])]
    kind: Annotated[Kind, Meta(examples=["image"])]
    url: Annotated[Url, Meta(examples=[f"{examples.JOB_URL}/outputs/0"])]
    content_type: Annotated[str, Meta(examples=["image/webp"])] | UnsetType = UNSET
    width: Annotated[Count, Meta(description="In pixels.", examples=[768])] | UnsetType = UNSET
    height: Annotated[Count, Meta(description="In pixels.", examples=[768])] | UnsetType = UNSET
    bytes: Annotated[Count, Meta(description="Size of the file.", examples=[48_213])] | UnsetType = UNSET
    sha256: Annotated[Sha256, Meta(examples=[examples.SHA256])] | UnsetType = UNSET
    seed: Annotated[int, Meta(description="The seed that was really used.", examples=[7])] | UnsetType = UNSET
    text: Annotated[str, Meta(description="The text itself.")] | UnsetType = UNSET
    expires_at: (
        Annotated[Time, Meta(description="When the file is deleted.", examples=[examples.EXPIRES_AT])] | UnsetType
    ) = UNSET


class RecipeResource(Resource, frozen=True, kw_only=True):
    """How the outputs were made. `model`, `provider` and `input` are a submission that makes them again."""

    model: Annotated[
        str,
        Meta(description="The provider's exact name for the model.", examples=[examples.MODEL]),
    ]
    provider: Annotated[str, Meta(examples=[examples.PROVIDER])] | UnsetType = UNSET
    space: Annotated[str, Meta(description="Its Space on the Hub.", examples=[examples.SPACE])] | UnsetType = UNSET
    url: (
        Annotated[
            Url,
            Meta(
                description="Its address, where that is a public https one.",
                examples=["https://black-forest-labs-flux-1-schnell.hf.space"],
            ),
        ]
        | UnsetType
    ) = UNSET
    revision: (
        Annotated[
            str,
            Meta(description="The Space's commit, as the last probe found it.", examples=[examples.COMMIT]),
        ]
        | UnsetType
    ) = UNSET
    input: Annotated[
        dict[str, Any],
        Meta(description="What was really used, with the seed that was really used.", examples=[examples.INPUT]),
    ]
    job_id: Annotated[JobId, Meta(description="The job that ran it.", examples=[examples.JOB])]
    created_at: Annotated[Time, Meta(description="When that job was submitted.", examples=[examples.CREATED_AT])]
    darkroom: Annotated[str, Meta(description="The version of Darkroom.", examples=["0.1.0"])]


class FailureResource(Resource, frozen=True, kw_only=True):
    """Why a job or an attempt failed."""

    code: Annotated[
        str, Meta(description="Stable: a program can decide by it.", extra_json_schema={"enum": list(CAUSES)})
    ]
    detail: Annotated[str, Meta(description="What happened, for people.")]
    retryable: Annotated[bool, Meta(description="Whether the same job may succeed later or elsewhere.")]
    provider: str | UnsetType = UNSET
    retry_after: (
        Annotated[float, Meta(description="Seconds until the provider takes jobs again, as it says.")] | UnsetType
    ) = UNSET


class AttemptResource(Resource, frozen=True, kw_only=True):
    """One run of the job on one provider."""

    n: Annotated[int, Meta(ge=1, description="Its number.", examples=[1])]
    provider: Annotated[str, Meta(examples=[examples.PROVIDER])]
    hedge: (
        Annotated[bool, Meta(description="`true`: it was started beside the attempt before it, which took long.")]
        | UnsetType
    ) = UNSET
    started_at: Annotated[Time, Meta(examples=[examples.STARTED_AT])]
    ended_at: Annotated[Time, Meta(examples=[examples.FINISHED_AT])] | UnsetType = UNSET
    outcome: Annotated[Outcome, Meta(description="Absent while it runs.", examples=["succeeded"])] | UnsetType = UNSET
    error: FailureResource | UnsetType = UNSET
    notes: Annotated[list[str], Meta(description="What became of its submissions at the provider.")] | UnsetType = UNSET


def output_resource(job_id: str, output: Output, links: Links, expires_at: float | None = None) -> OutputResource:
    """One output."""
    return OutputResource(
        index=output.index,
        kind=output.kind,
        url=links.job(job_id, "outputs", str(output.index)),
        content_type=optional(output.content_type or KINDS[output.kind].inline_type),
        width=optional(output.width),
        height=optional(output.height),
        bytes=optional(output.bytes),
        sha256=optional(output.sha256),
        seed=optional(output.seed),
        text=optional(output.text),
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
