"""What a job does now, as the API and webhooks show it: what it waits for, how far it is, its newest preview. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from jobs.events import Progressed, UpstreamQueued
from jobs.model import Progress, Stage, Upstream, Waiting, WaitReason
from jobs.resources.base import Count, Fraction, Links, Resource, Time, Url, about, optional, optional_time, rfc3339

WaitingReason = Annotated[WaitReason, Meta(description="What it waits for, for a program.")]
WaitingMessage = Annotated[str, Meta(description="`reason` as a sentence.")]
WaitingUntil = Annotated[Time, Meta(description="When it can go on, if that is known.")]


class UpstreamQueue(Resource, frozen=True, kw_only=True):
    """The provider's own queue."""

    rank: Annotated[Count | UnsetType, about("0 is the next one there.")] = UNSET
    size: Annotated[Count | UnsetType, about("The length of that queue.")] = UNSET
    eta_seconds: Annotated[float | UnsetType, about("As the provider says.")] = UNSET


class QueueResource(Resource, frozen=True, kw_only=True):
    """What the job waits for."""

    position: (
        Annotated[
            int,
            Meta(ge=1, description="1 is the next to run. With `key_limit` only the jobs count that share the limit."),
        ]
        | UnsetType
    ) = UNSET
    eta_seconds: Annotated[float | UnsetType, about("Estimated seconds until the result.")] = UNSET
    reason: WaitingReason
    message: WaitingMessage
    until: WaitingUntil | UnsetType = UNSET
    upstream: UpstreamQueue | UnsetType = UNSET


class ProgressResource(Resource, frozen=True, kw_only=True):
    """How far the job is."""

    fraction: Annotated[Fraction | UnsetType, about("The part that is done, 0 to 1.", example=1.0)] = UNSET
    step: Annotated[Count | UnsetType, about("The step that is done, of `total`.")] = UNSET
    total: Annotated[Count | UnsetType, about("The number of steps.")] = UNSET
    stage: Annotated[Stage, about("What is done now.", example="saving")]
    message: Annotated[str | UnsetType, about("As the provider says.")] = UNSET
    partial: Annotated[
        str | UnsetType, about("The text so far, of a text that comes bit by bit; in the stream a message of its own.")
    ] = UNSET


class PreviewResource(Resource, frozen=True, kw_only=True):
    """The newest preview."""

    url: Annotated[Url, about("The image.")]
    index: Annotated[Count, about("Its number; newer previews have higher numbers.")]
    updated_at: Annotated[Time, about("When it was made.")]


def queue_resource(waiting: Waiting, upstream: Upstream | UpstreamQueued | None = None) -> QueueResource:
    """What a job waits for: our queue, and the provider's own (``upstream``). In both 0 is the next one."""
    return QueueResource(
        position=UNSET if waiting.position is None else waiting.position + 1,
        eta_seconds=optional(waiting.eta_seconds),
        reason=waiting.reason,
        message=waiting.message,
        until=optional_time(waiting.until),
        upstream=UNSET
        if upstream is None
        else UpstreamQueue(
            rank=optional(upstream.rank), size=optional(upstream.size), eta_seconds=optional(upstream.eta_seconds)
        ),
    )


def progress_resource(progress: Progress | Progressed) -> ProgressResource:
    """How far a job is."""
    return ProgressResource(
        fraction=optional(progress.fraction),
        step=optional(progress.step),
        total=optional(progress.total),
        stage=progress.stage,
        message=optional(progress.message),
        partial=optional(progress.partial) if isinstance(progress, Progress) else UNSET,
    )


def preview_resource(job_id: str, index: int, at: float, links: Links) -> PreviewResource:
    """The newest preview."""
    return PreviewResource(url=links.job(job_id, "preview"), index=index, updated_at=rfc3339(at))
