"""A job, as the API and webhooks show it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, UnsetType, field

from jobs.model import Job, Priority, Status, Strategy, Waiting
from jobs.record.types import Record
from jobs.resources import examples
from jobs.resources.base import (
    BatchId,
    Count,
    JobId,
    Links,
    Resource,
    Time,
    Url,
    about,
    optional,
    optional_time,
    rfc3339,
)
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


class JobMetrics(Resource, frozen=True, kw_only=True):
    """Durations, once the job has ended."""

    queue_seconds: Annotated[float | UnsetType, about("From submission to the first attempt.", example=0.04)] = UNSET
    run_seconds: Annotated[float | UnsetType, about("From the first attempt to the end.", example=3.16)] = UNSET
    total_seconds: Annotated[float, about("From submission to the end.", example=3.2)]


class JobUrls(Resource, frozen=True, kw_only=True):
    """Addresses of the job."""

    self_: Annotated[Url, about("The job itself.", example=examples.JOB_URL)] = field(name="self")
    events: Annotated[Url, about("Its events, as a stream or a list.", example=f"{examples.JOB_URL}/events")]
    cancel: Annotated[Url, about("POST cancels it.", example=f"{examples.JOB_URL}/cancel")]
    image: Annotated[Url, about("Always shows how the job is.", example=f"{examples.JOB_URL}/image")]


class JobResource(Resource, frozen=True, kw_only=True):
    """A job: one request, and what became of it. A field that is absent has no value yet."""

    id: Annotated[JobId, about("Its id.", example=examples.JOB)]
    object: Literal["job"] = "job"
    status: Annotated[Status, about("Its state.", example="succeeded")]
    batch_id: Annotated[BatchId | UnsetType, about("The batch that it was submitted with.")] = UNSET
    retry_of: Annotated[JobId | UnsetType, about("The job that it runs once more.")] = UNSET
    model: Annotated[str, about("As the submission said.", example="flux-schnell")]
    provider: Annotated[
        str | UnsetType, about("The provider that runs or ran it, or was asked for.", example=examples.PROVIDER)
    ] = UNSET
    strategy: Annotated[Strategy, about("The other providers that may run it; see the submission.", example="failover")]
    priority: Annotated[Priority, about("As the submission said.", example="normal")]
    input: Annotated[
        dict[str, Any], about("What is really used: defaults filled in, sizes rounded.", example=examples.INPUT)
    ]
    queue: QueueResource | UnsetType = UNSET
    progress: ProgressResource | UnsetType = UNSET
    preview: PreviewResource | UnsetType = UNSET
    outputs: Annotated[list[OutputResource], about("What it made; empty until it has succeeded.")]
    recipe: RecipeResource | UnsetType = UNSET
    embed_recipe: Annotated[bool, about("Whether image files hold the recipe too.", example=True)]
    cache: Annotated[
        Literal["hit", "miss"] | UnsetType, about("Whether it reuses an earlier job's result, if that was allowed.")
    ] = UNSET
    error: FailureResource | UnsetType = UNSET
    attempts: Annotated[list[AttemptResource], about("Its runs on providers, oldest first.")]
    metadata: Annotated[dict[str, str], about("As the submission said.", example={})]
    has_credentials: Annotated[bool | UnsetType, about("`true`: it came with credentials, which are never shown.")] = (
        UNSET
    )
    warnings: Annotated[
        list[str] | UnsetType,
        about("What to know of the submission, and what of the result was not kept, or not as it came."),
    ] = UNSET
    metrics: JobMetrics | UnsetType = UNSET
    created_at: Annotated[Time, about("When it was submitted.", example=examples.CREATED_AT)]
    started_at: Annotated[Time | UnsetType, about("When its first attempt began.", example=examples.STARTED_AT)] = UNSET
    finished_at: Annotated[
        Time | UnsetType, about("When it ended; absent until then.", example=examples.FINISHED_AT)
    ] = UNSET
    cancel_requested_at: Annotated[Time | UnsetType, about("When its cancellation was requested.")] = UNSET
    deadline: Annotated[Time | UnsetType, about("When it expires or fails without a result.")] = UNSET
    retention_seconds: Annotated[Count, about("How long it is kept once it has ended.", example=86400)]
    expires_at: Annotated[
        Time | UnsetType, about("When it and its files are deleted.", example=examples.EXPIRES_AT)
    ] = UNSET
    urls: JobUrls


class ThinJob(Resource, frozen=True, kw_only=True):
    """The least that a message says of a job."""

    id: JobId
    status: Status
    urls: JobUrls


def job_resource(record: Record, waiting: Waiting | None, links: Links) -> JobResource:
    """A job as the API shows it."""
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
