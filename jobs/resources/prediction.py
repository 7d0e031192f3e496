"""A job as Replicate's clients read it: the prediction of their API and of their webhooks. Pure.

Shapes and what the clients break on: replicate 1.0.7 and 2.0.0b4 for Python, 1.4 for JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, UnsetType

from jobs.model import Job, Output, Status
from jobs.resources import examples
from jobs.resources.base import JobId, Links, Resource, Time, Url, about, rfc3339

PredictionStatus = Literal["starting", "processing", "succeeded", "failed", "canceled"]

#: Version 1 of the Python client raises on any other word, also on Replicate's own "aborted".
_STATUSES: Final[Mapping[Status, PredictionStatus]] = {
    Status.QUEUED: "starting",
    Status.RUNNING: "processing",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "canceled",
}
#: Before the name of a model that has no owner in its name.
OWNER: Final = "darkroom"
_BAR: Final = 10


class PredictionUrls(Resource, frozen=True, kw_only=True):
    """Addresses of a prediction."""

    get: Annotated[Url, about("The prediction itself.", example=f"{examples.SERVER}/v1/predictions/{examples.JOB}")]
    cancel: Annotated[Url, about("POST cancels it.", example=f"{examples.SERVER}/v1/predictions/{examples.JOB}/cancel")]
    stream: Annotated[
        Url, about("Its output as events.", example=f"{examples.SERVER}/v1/predictions/{examples.JOB}/stream")
    ]
    web: Annotated[Url, about("Shows how it is.", example=f"{examples.JOB_URL}/image")]


class PredictionMetrics(Resource, frozen=True, kw_only=True):
    """Durations in seconds, once it has ended."""

    predict_time: Annotated[float | UnsetType, about("From the first attempt to the end.", example=3.16)] = UNSET
    total_time: Annotated[float | UnsetType, about("From the request to the end.", example=3.2)] = UNSET


class PredictionResource(Resource, frozen=True, kw_only=True):
    """A prediction: a job in Replicate's words."""

    id: Annotated[JobId, about("The id of the job.", example=examples.JOB)]
    model: Annotated[str, about("OWNER/NAME.", example="darkroom/flux-schnell")]
    version: Literal["hidden"] = "hidden"
    status: Annotated[PredictionStatus, about("`starting` also at the end of a wait.", example="succeeded")]
    source: Literal["api"] = "api"
    input: Annotated[dict[str, Any], about("What is really used.", example=examples.INPUT)]
    output: Annotated[
        list[Any] | None,
        about(
            "Addresses of files or `data:` URIs, texts, data; null until it has succeeded.",
            example=[f"{examples.JOB_URL}/outputs/0"],
        ),
    ]
    logs: Annotated[str, about("The newest progress, as tqdm prints it, and the seed.", example="Using seed: 7\n")]
    error: Annotated[str | None, about("Why it has no output.", example="The app crashed.")]
    metrics: PredictionMetrics
    created_at: Annotated[Time, about("When it was asked for.", example=examples.CREATED_AT)]
    started_at: Annotated[Time | None, about("When its first attempt began.", example=examples.STARTED_AT)]
    completed_at: Annotated[Time | None, about("When it ended.", example=examples.FINISHED_AT)]
    deadline: Annotated[Time | None, about("When it ends without an output.", example=examples.EXPIRES_AT)]
    data_removed: Literal[False] = False
    urls: PredictionUrls


def prediction_resource(
    job: Job,
    links: Links,
    *,
    output: Sequence[Any] | None = None,
    status: PredictionStatus | None = None,
    stream: str | None = None,
) -> PredictionResource:
    """A job as a prediction.

    Args:
        job: The job.
        links: Addresses as the client uses them.
        output: What it made; by default with the addresses of its files, which need a key.
        status: Another status than its own.
        stream: Another address of its events than the one that needs a key.
    """
    own = f"{links.base}/v1/predictions/{job.id}"
    outputs = [_plain(job, each, links) for each in job.outputs] if output is None else list(output)
    return PredictionResource(
        id=job.id,
        model=model_name(job.model),
        status=status or _STATUSES[job.status],
        input=job.input,
        output=outputs if job.outputs else None,
        logs=_logs(job),
        error=_error(job),
        metrics=_metrics(job),
        created_at=rfc3339(job.created_at),
        started_at=_time(job.started_at),
        completed_at=_time(job.finished_at),
        deadline=_time(job.deadline_at),
        urls=PredictionUrls(
            get=own, cancel=f"{own}/cancel", stream=stream or f"{own}/stream", web=links.job(job.id, "image")
        ),
    )


def model_name(name: str) -> str:
    """A model as OWNER/NAME."""
    return name if "/" in name else f"{OWNER}/{name}"


def progress_line(fraction: float | None, step: int | None, total: int | None) -> str:
    """Progress as tqdm prints it, which clients parse; empty where it is not known."""
    if step is not None and total:
        done, whole = min(step, total), total
    elif fraction is not None:
        done, whole = round(fraction * 100), 100
    else:
        return ""
    bar = "#" * (done * _BAR // whole)
    return f"{done * 100 // whole:3d}%|{bar:<{_BAR}}| {done}/{whole} [00:00<?, ?it/s]"


def _plain(job: Job, output: Output, links: Links) -> Any:  # noqa: ANN401 - any JSON
    if output.kind == "json" and output.data is not UNSET:
        return output.data
    if output.kind == "text":
        return output.text or ""
    return links.job(job.id, "outputs", str(output.index))


def _logs(job: Job) -> str:
    found = [f"Using seed: {output.seed}" for output in job.outputs[:1] if output.seed is not None]
    if job.progress is not None and not job.status.is_terminal:
        found.append(progress_line(job.progress.fraction, job.progress.step, job.progress.total))
    return "".join(f"{line}\n" for line in found if line)


def _error(job: Job) -> str | None:
    if job.status is Status.EXPIRED and job.error is None:
        return "Its deadline passed before it could run."
    return None if job.error is None or not job.status.is_unsuccessful else job.error.detail


def _metrics(job: Job) -> PredictionMetrics:
    if job.finished_at is None:
        return PredictionMetrics()
    started = job.started_at
    return PredictionMetrics(
        predict_time=UNSET if started is None else max(0.0, round(job.finished_at - started, 3)),
        total_time=max(0.0, round(job.finished_at - job.created_at, 3)),
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
