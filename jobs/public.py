"""The one public form of a job, for the API and for webhooks. Pure."""

from __future__ import annotations

from typing import Any, Final

from jobs.events import Progressed, UpstreamQueued
from jobs.model import Attempt, Failure, Job, Output, Progress, Recipe, Status, Upstream
from jobs.record.types import Record
from jobs.scheduling.waiting import Waiting
from jobs.times import rfc3339

Json = dict[str, Any]

#: How texts are served.
TEXT_TYPE: Final = "text/plain; charset=utf-8"


class Links:
    """Addresses of jobs, uploads and their resources.

    Args:
        base: Scheme and host that the client uses, without a slash at its end.
    """

    def __init__(self, base: str) -> None:
        self.base = base

    def jobs(self) -> str:
        """The list of jobs."""
        return f"{self.base}/v1/jobs"

    def job(self, job_id: str, *rest: str) -> str:
        """The job, or a resource below it."""
        return "/".join((self.jobs(), job_id, *rest))

    def batch(self, batch_id: str, *rest: str) -> str:
        """The batch, or a resource below it."""
        return "/".join((f"{self.base}/v1/batches", batch_id, *rest))

    def file(self, file_id: str, *rest: str) -> str:
        """An upload, or a resource below it."""
        return "/".join((f"{self.base}/v1/files", file_id, *rest))

    def key(self, key_id: str) -> str:
        """An API key, for admins."""
        return f"{self.base}/v1/admin/keys/{key_id}"


def etag(record: Record, waiting: Waiting | None) -> str:
    """Changes whenever the public form of the job does (but for estimates)."""
    if waiting is None:
        return f'W/"{record.version}"'
    until = "" if waiting.until is None else round(waiting.until)
    return f'W/"{record.version}.{waiting.position}.{waiting.reason}.{until}"'


def job_json(record: Record, waiting: Waiting | None, links: Links) -> Json:
    """A job as the API shows it.

    Args:
        record: The job as it stands.
        waiting: What it waits for.
        links: Addresses of its resources.
    """
    job = record.job
    found: Json = {
        "id": job.id,
        "object": "job",
        "status": job.status,
        "batch_id": job.batch_id,
        "retry_of": job.retry_of,
        "model": job.model,
        "provider": job.provider or job.requested_provider,
        "strategy": job.strategy,
        "priority": job.priority,
        "input": job.input,
        "queue": queue_json(job, waiting),
        "progress": None if job.progress is None else progress_json(job.progress),
        "preview": None
        if job.preview is None
        else preview_json(job.id, job.preview.index, job.preview.updated_at, links),
        "outputs": [output_json(job.id, output, links, job.expires_at) for output in job.outputs],
        "recipe": None if job.recipe is None else recipe_json(job, job.recipe),
        "embed_recipe": job.embed_recipe,
        "cache": job.cache,
        "error": failure_json(job.error),
        "attempts": [attempt_json(attempt) for attempt in job.attempts],
        "metadata": job.metadata,
        "has_credentials": True if job.has_credentials else None,
        "warnings": list(job.warnings) or None,
        "metrics": _metrics(job),
        "created_at": rfc3339(job.created_at),
        "started_at": optional_time(job.started_at),
        "finished_at": optional_time(job.finished_at),
        "cancel_requested_at": optional_time(job.cancel_requested_at),
        "deadline": optional_time(job.deadline_at),
        "retention_seconds": job.retention_seconds,
        "expires_at": optional_time(job.expires_at),
        "urls": {
            "self": links.job(job.id),
            "events": links.job(job.id, "events"),
            "cancel": links.job(job.id, "cancel"),
            "image": links.job(job.id, "image"),
        },
    }
    return present(found)


def queue_json(job: Job, waiting: Waiting | None) -> Json | None:
    """What the job waits for; ``position`` 1 is the next to run."""
    if waiting is None:
        return None
    found = {
        "position": None if waiting.position is None else waiting.position + 1,
        "eta_seconds": waiting.eta_seconds,
        "reason": waiting.reason,
        "until": optional_time(waiting.until),
        "upstream": None if job.upstream is None else upstream_json(job.upstream),
    }
    return present(found)


def upstream_json(upstream: Upstream | UpstreamQueued) -> Json:
    """The upstream's own queue; ``rank`` 0 is the next there."""
    return present({"rank": upstream.rank, "size": upstream.size, "eta_seconds": upstream.eta_seconds})


def progress_json(progress: Progress | Progressed) -> Json:
    """How far the job is."""
    found = {
        "fraction": progress.fraction,
        "step": progress.step,
        "total": progress.total,
        "stage": progress.stage,
        "message": progress.message,
    }
    return present(found)


def preview_json(job_id: str, index: int, at: float, links: Links) -> Json:
    """The newest preview."""
    return {"url": links.job(job_id, "preview"), "index": index, "updated_at": rfc3339(at)}


def output_json(job_id: str, output: Output, links: Links, expires_at: float | None = None) -> Json:
    """One output."""
    found = {
        "index": output.index,
        "kind": output.kind,
        "url": links.job(job_id, "outputs", str(output.index)),
        "content_type": output.content_type or (TEXT_TYPE if output.kind == "text" else None),
        "width": output.width,
        "height": output.height,
        "bytes": output.bytes,
        "sha256": output.sha256,
        "seed": output.seed,
        "text": output.text,
        "expires_at": optional_time(expires_at),
    }
    return present(found)


def recipe_json(job: Job, recipe: Recipe) -> Json:
    """How the outputs were made; ``model``, ``provider`` and ``input`` are a submission that makes them again."""
    return present(
        {
            "model": recipe.model,
            "provider": job.provider,
            "space": recipe.space,
            "url": recipe.url,
            "revision": recipe.revision,
            "input": {**job.input, **recipe.fixed},
            "job_id": recipe.job_id,
            "created_at": rfc3339(recipe.at),
            "darkroom": recipe.version,
        }
    )


def failure_json(failure: Failure | None) -> Json | None:
    """Why a job or an attempt failed."""
    if failure is None:
        return None
    return present(
        {
            "code": failure.code,
            "detail": failure.detail,
            "retryable": failure.retryable,
            "provider": failure.provider,
            "retry_after": failure.retry_after,
        }
    )


def attempt_json(attempt: Attempt) -> Json:
    """One line of the ledger."""
    return present(
        {
            "n": attempt.n,
            "provider": attempt.provider,
            "hedge": attempt.hedge or None,
            "started_at": rfc3339(attempt.started_at),
            "ended_at": optional_time(attempt.ended_at),
            "outcome": attempt.outcome,
            "error": failure_json(attempt.error),
            "notes": list(attempt.notes) or None,
        }
    )


def _metrics(job: Job) -> Json | None:
    """Durations in seconds, once the job has ended."""
    if job.finished_at is None:
        return None
    started = job.started_at
    return present(
        {
            "queue_seconds": None if started is None else _seconds(started - job.created_at),
            "run_seconds": None if started is None else _seconds(job.finished_at - started),
            "total_seconds": _seconds(job.finished_at - job.created_at),
        }
    )


def _seconds(duration: float) -> float:
    return max(0.0, round(duration, 3))


def optional_time(seconds: float | None) -> str | None:
    """RFC 3339, or None."""
    return None if seconds is None else rfc3339(seconds)


def present(values: Json) -> Json:
    """Absent means not there: no nulls."""
    return {name: value for name, value in values.items() if value is not None}


STATUSES: Final = tuple(status.value for status in Status)
