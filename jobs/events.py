"""Job events: recorded facts, in the past tense. The log of a job is a list of these."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jobs.model import Failure, Job, Output, Recipe, Stage, Status, WaitReason


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower):
    """A fact about one job, ``at`` Unix seconds."""

    at: float


class Submitted(Event, frozen=True, kw_only=True):
    """The job was accepted."""


class Recalled(Event, frozen=True, kw_only=True):
    """An earlier job's result answers it: the job was accepted and succeeded at once."""

    source: str
    outputs: tuple[Output, ...]


class Parked(Event, frozen=True, kw_only=True):
    """The job waits, for a reason, and perhaps until a known time."""

    reason: WaitReason
    until: float | None = None


class Started(Event, frozen=True, kw_only=True):
    """A worker claimed the job and runs it on a provider."""

    provider: str
    worker: str
    input: dict[str, Any]


class Hedged(Event, frozen=True, kw_only=True):
    """A second attempt was started on another provider, beside the first one, which is slow."""

    provider: str
    worker: str
    input: dict[str, Any]


class AttemptFailed(Event, frozen=True, kw_only=True, tag="attempt_failed"):
    """One of two attempts failed; the other one goes on."""

    attempt: int
    error: Failure
    #: The providers that are left for the job, should the other attempt fail too.
    route: tuple[str, ...]


class UpstreamQueued(Event, frozen=True, kw_only=True, tag="upstream_queued"):
    """The upstream put the job into its own queue."""

    rank: int | None = None
    size: int | None = None
    eta_seconds: float | None = None


class Progressed(Event, frozen=True, kw_only=True):
    """The job made progress, or entered another stage."""

    stage: Stage
    fraction: float | None = None
    step: int | None = None
    total: int | None = None
    message: str | None = None


class Previewed(Event, frozen=True, kw_only=True):
    """A preview was stored."""

    index: int


class Wrote(Event, frozen=True, kw_only=True):
    """The upstream wrote more of a text that comes bit by bit: ``text`` stands behind the first ``kept`` characters."""

    text: str
    kept: int = 0


class Logged(Event, frozen=True, kw_only=True):
    """A line of text came from the upstream."""

    text: str
    level: str = "info"


class Noted(Event, frozen=True, kw_only=True):
    """A note for the ledger entry of an attempt."""

    note: str
    #: Its number; None is the newest.
    attempt: int | None = None


class Requeued(Event, frozen=True, kw_only=True):
    """The attempt ended without a final result, and the job waits for another attempt."""

    outcome: Literal["failed", "handed_back", "lost"]
    error: Failure | None = None
    #: The providers that are left for it; None leaves the route as it is.
    route: tuple[str, ...] | None = None
    not_before: float | None = None
    reason: WaitReason | None = None


class CancelRequested(Event, frozen=True, kw_only=True, tag="cancel_requested"):
    """A client asked to cancel a running job."""


class Canceled(Event, frozen=True, kw_only=True):
    """The job was canceled."""


class Succeeded(Event, frozen=True, kw_only=True):
    """Every output is stored."""

    outputs: tuple[Output, ...]
    recipe: Recipe | None = None
    #: The number of the attempt that they come from, where two ran; None is the only one.
    attempt: int | None = None
    #: What of the result was not kept, or not as it came.
    warnings: tuple[str, ...] = ()


class Failed(Event, frozen=True, kw_only=True):
    """The job failed for good."""

    error: Failure


class Expired(Event, frozen=True, kw_only=True):
    """The job's own deadline passed before it ran."""


JobEvent = (
    Submitted
    | Recalled
    | Parked
    | Started
    | Hedged
    | AttemptFailed
    | UpstreamQueued
    | Progressed
    | Previewed
    | Wrote
    | Logged
    | Noted
    | Requeued
    | CancelRequested
    | Canceled
    | Succeeded
    | Failed
    | Expired
)


def first_event(job: Job) -> JobEvent:
    """The first event of a new job's log."""
    if job.status is Status.QUEUED:
        return Submitted(at=job.created_at)
    source = job.id if job.recipe is None else job.recipe.job_id
    return Recalled(at=job.created_at, source=source, outputs=job.outputs)
