"""The state machine of a job: one table, and one pure function that applies an event.

Everything that decides what may follow what is here; the store only compares
and appends. docs/reference/states.md is made from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from jobs import events as e
from jobs.errors import IllegalTransition
from jobs.model import Attempt, Job, Preview, Progress, Status, Upstream

#: Attempts that a job gets before a retryable failure becomes final.
MAX_ATTEMPTS: Final = 3

#: state → event → next state. What is not here cannot happen.
TRANSITIONS: Final[Mapping[Status, Mapping[type[e.Event], Status]]] = MappingProxyType(
    {
        Status.QUEUED: {
            e.Parked: Status.QUEUED,
            e.Logged: Status.QUEUED,
            e.Started: Status.RUNNING,
            e.Canceled: Status.CANCELED,
            e.Failed: Status.FAILED,
            e.Expired: Status.EXPIRED,
        },
        Status.RUNNING: {
            e.UpstreamQueued: Status.RUNNING,
            e.Progressed: Status.RUNNING,
            e.Previewed: Status.RUNNING,
            e.Logged: Status.RUNNING,
            e.Noted: Status.RUNNING,
            e.CancelRequested: Status.RUNNING,
            e.Requeued: Status.QUEUED,
            e.Succeeded: Status.SUCCEEDED,
            e.Failed: Status.FAILED,
            e.Canceled: Status.CANCELED,
        },
        Status.SUCCEEDED: {},
        Status.FAILED: {},
        Status.CANCELED: {},
        Status.EXPIRED: {},
    }
)


def apply(job: Job, event: e.JobEvent) -> Job:
    """The job after ``event``.

    Raises:
        IllegalTransition: The table has no such move.
    """
    target = TRANSITIONS[job.status].get(type(event))
    if target is None:
        raise IllegalTransition(f"a {job.status} job cannot take '{type(event).__name__}'")
    job = replace(_change(event, job), status=target)
    if target.is_terminal:
        job = replace(job, finished_at=event.at, upstream=None, waiting=None, not_before=None)
    return job


@singledispatch
def _change(event: e.Event, job: Job) -> Job:
    """What the event says of the job's fields; events that say nothing leave them as they are."""
    del event
    return job


@_change.register
def _(event: e.Parked, job: Job) -> Job:
    return replace(job, waiting=event.reason, not_before=event.until)


@_change.register
def _(event: e.Started, job: Job) -> Job:
    attempt = Attempt(n=len(job.attempts) + 1, provider=event.provider, worker=event.worker, started_at=event.at)
    return replace(
        job,
        provider=event.provider,
        input=event.input,
        # Whoever takes a `single` job first keeps it.
        route=(event.provider,) if job.strategy == "single" else job.route,
        started_at=job.started_at or event.at,
        attempts=(*job.attempts, attempt),
        progress=Progress(stage="waiting_upstream"),
        waiting=None,
        not_before=None,
        upstream=None,
    )


@_change.register
def _(event: e.UpstreamQueued, job: Job) -> Job:
    return replace(
        job,
        waiting="upstream_queue",
        upstream=Upstream(rank=event.rank, size=event.size, eta_seconds=event.eta_seconds),
    )


@_change.register
def _(event: e.Progressed, job: Job) -> Job:
    progress = Progress(
        stage=event.stage, fraction=event.fraction, step=event.step, total=event.total, message=event.message
    )
    return replace(job, progress=progress, upstream=None, waiting=None)


@_change.register
def _(event: e.Previewed, job: Job) -> Job:
    return replace(job, preview=Preview(index=event.index, updated_at=event.at))


@_change.register
def _(event: e.Noted, job: Job) -> Job:
    attempt = job.attempts[-1]
    return replace(job, attempts=(*job.attempts[:-1], replace(attempt, notes=(*attempt.notes, event.note))))


@_change.register
def _(event: e.Requeued, job: Job) -> Job:
    attempt = replace(job.attempts[-1], ended_at=event.at, outcome=event.outcome, error=event.error)
    return replace(
        job,
        attempts=(*job.attempts[:-1], attempt),
        route=job.route if event.route is None else event.route,
        progress=None,
        upstream=None,
        waiting=event.reason,
        not_before=event.not_before,
    )


@_change.register
def _(event: e.CancelRequested, job: Job) -> Job:
    return replace(job, cancel_requested_at=job.cancel_requested_at or event.at)


@_change.register
def _(event: e.Canceled, job: Job) -> Job:
    return replace(
        _end(job, event.at, outcome="canceled"),
        cancel_requested_at=job.cancel_requested_at or event.at,
        progress=None,
    )


@_change.register
def _(event: e.Succeeded, job: Job) -> Job:
    done = Progress(stage="saving", fraction=1.0)
    return replace(_end(job, event.at, outcome="succeeded"), outputs=event.outputs, recipe=event.recipe, progress=done)


@_change.register
def _(event: e.Failed, job: Job) -> Job:
    return replace(_end(job, event.at, outcome="failed", error=event.error), error=event.error, progress=None)


def _end(job: Job, at: float, **changes: object) -> Job:
    """Close the current attempt, where there is one that is still open."""
    if not job.attempts or job.attempts[-1].ended_at is not None:
        return job
    attempt: Attempt = replace(job.attempts[-1], ended_at=at, **changes)
    return replace(job, attempts=(*job.attempts[:-1], attempt))
