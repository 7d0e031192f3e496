"""What a job does now, as the API and webhooks show it: what it waits for, how far it is, its newest preview. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from jobs.events import Progressed, UpstreamQueued
from jobs.model import Progress, Stage, Upstream, WaitReason
from jobs.resources.base import Count, Fraction, Resource, Time, Url, optional, optional_time
from jobs.resources.links import Links
from jobs.scheduling.waiting import Waiting
from jobs.times import rfc3339

WaitingReason = Annotated[WaitReason, Meta(description="What it waits for, for a program.")]
WaitingMessage = Annotated[str, Meta(description="`reason` as a sentence.")]
WaitingUntil = Annotated[Time, Meta(description="When it can go on, where that is known.")]


class UpstreamQueue(Resource, frozen=True, kw_only=True):
    """The provider's own queue."""

    rank: Annotated[Count, Meta(description="0 is the next one there.")] | UnsetType = UNSET
    size: Count | UnsetType = UNSET
    eta_seconds: Annotated[float, Meta(description="As the provider says.")] | UnsetType = UNSET


class QueueResource(Resource, frozen=True, kw_only=True):
    """What the job waits for."""

    position: (
        Annotated[
            int,
            Meta(ge=1, description="1 is the next to run. With `key_limit` only the jobs count that share the limit."),
        ]
        | UnsetType
    ) = UNSET
    eta_seconds: Annotated[float, Meta(description="Estimated seconds until the result.")] | UnsetType = UNSET
    reason: WaitingReason
    message: WaitingMessage
    until: WaitingUntil | UnsetType = UNSET
    upstream: UpstreamQueue | UnsetType = UNSET


class ProgressResource(Resource, frozen=True, kw_only=True):
    """How far the job is."""

    fraction: Annotated[Fraction, Meta(examples=[1.0])] | UnsetType = UNSET
    step: Annotated[Count, Meta(description="The step that is done, of `total`.")] | UnsetType = UNSET
    total: Count | UnsetType = UNSET
    stage: Annotated[Stage, Meta(examples=["saving"])]
    message: Annotated[str, Meta(description="As the provider says.")] | UnsetType = UNSET


class PreviewResource(Resource, frozen=True, kw_only=True):
    """The newest preview."""

    url: Url
    index: Annotated[Count, Meta(description="Its number; a newer one has a higher one.")]
    updated_at: Time


def queue_resource(waiting: Waiting, upstream: Upstream | UpstreamQueued | None = None) -> QueueResource:
    """What a job waits for.

    Args:
        waiting: Our queue, where ``position`` 0 is the next to run.
        upstream: The provider's own queue, where ``rank`` 0 is the next.
    """
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
    )


def preview_resource(job_id: str, index: int, at: float, links: Links) -> PreviewResource:
    """The newest preview."""
    return PreviewResource(url=links.job(job_id, "preview"), index=index, updated_at=rfc3339(at))
