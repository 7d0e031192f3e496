"""A job, as the API and webhooks show it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from jobs.model import Job, Priority, Status, Strategy
from jobs.record.types import Record
from jobs.resources import examples
from jobs.resources.base import BatchId, Count, JobId, Resource, Time, Url, optional, optional_time
from jobs.resources.links import Links
from jobs.resources.progress import (
    PreviewResource,
    ProgressResource,
    QueueResource,
    preview_resource,
    progress_resource,
    queue_resource,
)
from jobs.resources.results import (
    AttemptResource,
    FailureResource,
    OutputResource,
    RecipeResource,
    attempt_resource,
    failure_resource,
    output_resource,
    recipe_resource,
)
from jobs.scheduling.waiting import Waiting
from jobs.times import rfc3339


class JobMetrics(Resource, frozen=True, kw_only=True):
    """Durations, once the job has ended."""

    queue_seconds: Annotated[float, Meta(examples=[0.04])] | UnsetType = UNSET
    run_seconds: Annotated[float, Meta(examples=[3.16])] | UnsetType = UNSET
    total_seconds: Annotated[float, Meta(examples=[3.2])]


class JobUrls(Resource, frozen=True, kw_only=True):
    """Addresses of the job."""

    self_: Annotated[Url, Meta(examples=[examples.JOB_URL])] = field(name="self")
    events: Annotated[Url, Meta(examples=[f"{examples.JOB_URL}/events"])]
    cancel: Annotated[Url, Meta(examples=[f"{examples.JOB_URL}/cancel"])]
    image: Annotated[Url, Meta(description="Always shows how the job is.", examples=[f"{examples.JOB_URL}/image"])]


class JobResource(Resource, frozen=True, kw_only=True):
    """One request and its life. What is absent is not there (yet)."""

    id: Annotated[JobId, Meta(examples=[examples.JOB])]
    object: Literal["job"] = "job"
    status: Annotated[Status, Meta(examples=["succeeded"])]
    batch_id: Annotated[BatchId, Meta(description="The batch that it was submitted with.")] | UnsetType = UNSET
    retry_of: Annotated[JobId, Meta(description="The job that it runs once more.")] | UnsetType = UNSET
    model: Annotated[str, Meta(examples=["flux-schnell"])]
    provider: (
        Annotated[
            str, Meta(description="The provider that runs or ran it, or was asked for.", examples=[examples.PROVIDER])
        ]
        | UnsetType
    ) = UNSET
    strategy: Annotated[
        Strategy, Meta(description="Which other providers run it; see the submission.", examples=["failover"])
    ]
    priority: Annotated[Priority, Meta(examples=["normal"])]
    input: Annotated[
        dict[str, Any],
        Meta(description="What is really used: defaults filled in, sizes rounded.", examples=[examples.INPUT]),
    ]
    queue: QueueResource | UnsetType = UNSET
    progress: ProgressResource | UnsetType = UNSET
    preview: PreviewResource | UnsetType = UNSET
    outputs: list[OutputResource]
    recipe: RecipeResource | UnsetType = UNSET
    embed_recipe: Annotated[bool, Meta(description="Whether image files hold the recipe too.", examples=[True])]
    cache: (
        Annotated[
            Literal["hit", "miss"],
            Meta(description="Whether an earlier job's result answers it, where that was allowed."),
        ]
        | UnsetType
    ) = UNSET
    error: FailureResource | UnsetType = UNSET
    attempts: list[AttemptResource]
    metadata: Annotated[dict[str, str], Meta(description="As the submission said.", examples=[{}])]
    has_credentials: (
        Annotated[bool, Meta(description="It came with credentials; they are never shown.")] | UnsetType
    ) = UNSET
    warnings: list[str] | UnsetType = UNSET
    metrics: JobMetrics | UnsetType = UNSET
    created_at: Annotated[Time, Meta(examples=[examples.CREATED_AT])]
    started_at: Annotated[Time, Meta(examples=[examples.STARTED_AT])] | UnsetType = UNSET
    finished_at: Annotated[Time, Meta(examples=[examples.FINISHED_AT])] | UnsetType = UNSET
    cancel_requested_at: Time | UnsetType = UNSET
    deadline: Time | UnsetType = UNSET
    retention_seconds: Annotated[Count, Meta(description="How long it is kept once it has ended.", examples=[86_400])]
    expires_at: (
        Annotated[Time, Meta(description="When it and its files are deleted.", examples=[examples.EXPIRES_AT])]
        | UnsetType
    ) = UNSET
    urls: JobUrls


class ThinJob(Resource, frozen=True, kw_only=True):
    """The least that a message says of a job."""

    id: JobId
    status: Status
    urls: JobUrls


def job_resource(record: Record, waiting: Waiting | None, links: Links) -> JobResource:
    """A job as the API shows it.

    Args:
        record: The job as it stands.
        waiting: What it waits for.
        links: Addresses of its resources.
    """
    job = record.job
    return JobResource(
        id=job.id,
        status=job.status,
        batch_id=optional(job.batch_id),
        retry_of=optional(job.retry_of),
        model=job.model,
        provider=optional(job.provider or job.requested_provider),
        strategy=job.strategy,
        priority=job.priority,
        input=job.input,
        queue=UNSET if waiting is None else queue_resource(waiting, job.upstream),
        progress=UNSET if job.progress is None else progress_resource(job.progress),
        preview=UNSET
        if job.preview is None
        else preview_resource(job.id, job.preview.index, job.preview.updated_at, links),
        outputs=[output_resource(job.id, output, links, job.expires_at) for output in job.outputs],
        recipe=UNSET if job.recipe is None else recipe_resource(job, job.recipe),
        embed_recipe=job.embed_recipe,
        cache=optional(job.cache),
        error=failure_resource(job.error),
        attempts=[attempt_resource(attempt) for attempt in job.attempts],
        metadata=job.metadata,
        has_credentials=job.has_credentials or UNSET,
        warnings=list(job.warnings) or UNSET,
        metrics=_metrics(job),
        created_at=rfc3339(job.created_at),
        started_at=optional_time(job.started_at),
        finished_at=optional_time(job.finished_at),
        cancel_requested_at=optional_time(job.cancel_requested_at),
        deadline=optional_time(job.deadline_at),
        retention_seconds=job.retention_seconds,
        expires_at=optional_time(job.expires_at),
        urls=job_urls(job.id, links),
    )


def version_of(record: Record, waiting: Waiting | None) -> str:
    """Changes whenever the job's resource does (but for estimates)."""
    if waiting is None:
        return str(record.version)
    until = "" if waiting.until is None else round(waiting.until)
    return f"{record.version}.{waiting.position}.{waiting.reason}.{waiting.provider}.{until}"


def job_urls(job_id: str, links: Links) -> JobUrls:
    """Addresses of a job."""
    own = links.job(job_id)
    return JobUrls(self_=own, events=f"{own}/events", cancel=f"{own}/cancel", image=f"{own}/image")


def _metrics(job: Job) -> JobMetrics | UnsetType:
    if job.finished_at is None:
        return UNSET
    started = job.started_at
    return JobMetrics(
        queue_seconds=UNSET if started is None else _seconds(started - job.created_at),
        run_seconds=UNSET if started is None else _seconds(job.finished_at - started),
        total_seconds=_seconds(job.finished_at - job.created_at),
    )


def _seconds(duration: float) -> float:
    return max(0.0, round(duration, 3))
