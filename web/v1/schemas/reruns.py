"""A job once more: its request as it was, with changes to its input. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, field

from jobs.files.images import KEPT
from jobs.model import Job
from jobs.submissions import Submission
from providers.inputs.images import with_sources
from web.http.validation import BodyReader, RequestBody
from web.v1.schemas.input_images import InputImages
from web.v1.schemas.jobs import JobRequest

WITHOUT_CREDENTIALS: Final = "The credentials of the first job were not copied: they are deleted when a job ends."


class Rerun(RequestBody, frozen=True, kw_only=True):
    """A request to run a job once more."""

    input: Annotated[
        dict[str, Any],
        Meta(
            description="Parameters that shall be different; `null` takes one out, so that its default holds (a seed is"
            " drawn anew)."
        ),
    ] = field(default_factory=dict)


RERUN: Final = BodyReader(
    Rerun,
    examples={
        "same": {"summary": "The same once more", "value": {}},
        "other": {"summary": "With another seed, and the default size", "value": {"input": {"seed": 8, "width": None}}},
    },
)


def wanted_again(job: Job, changes: dict[str, Any], params: Collection[str], images: InputImages) -> JobRequest:
    """What a job wanted, with changes to its input. Its credentials are gone; its webhook is not in it.

    Args:
        job: The job that is to run once more.
        changes: The parameters that change; None takes one out.
        params: Names of the parameters that are images.
        images: Reads the images of the request; it is told of those that the job holds.
    """
    # What the first one really used, where that was left to chance: the same once more is the same image.
    fixed = {} if job.recipe is None else job.recipe.fixed
    old = {name: value for name, value in {**job.given, **fixed}.items() if name not in changes}

    def handed_on(_: str, source: str) -> str:
        return images.know((job.id, source.removeprefix(KEPT))) if source.startswith(KEPT) else source

    new = {name: value for name, value in changes.items() if value is not None}
    return JobRequest(
        model=job.model,
        input={**with_sources(old, params, handed_on), **new},
        provider=job.requested_provider or UNSET,
        strategy=job.strategy,
        priority=job.priority,
        metadata=job.metadata,
        deadline_seconds=UNSET if job.deadline_at is None else round(job.deadline_at - job.created_at, 3),
        retention_seconds=job.retention_seconds,
        embed_recipe=job.embed_recipe,
    )


def again(submission: Submission, job: Job) -> Submission:
    """The submission of a rerun: it goes to the same webhook, and names the job that it repeats."""
    warnings = (WITHOUT_CREDENTIALS,) if job.has_credentials else ()
    return replace(submission, webhook=job.webhook, retry_of=job.id, warnings=(*submission.warnings, *warnings))
