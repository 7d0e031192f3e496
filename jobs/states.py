"""The state machine of a job: one table, and one pure function that applies an event.

All rules about which state follows which are here; the store only compares and
appends. docs/reference/states.md is made from the table.
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

#: The ledger's note of an attempt that was canceled because the attempt of this number had its result first.
HEDGE_LOST: Final = "hedge lost: attempt {} had its result first"

#: State → event → next state. Any other move is impossible.
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
            e.Hedged: Status.RUNNING,
            e.AttemptFailed: Status.RUNNING,
            e.UpstreamQueued: Status.RUNNING,
            e.Progressed: Status.RUNNING,
            e.Previewed: Status.RUNNING,
            e.Wrote: Status.RUNNING,
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


#: Events that end a job: nothing comes after them.
ENDS: Final[tuple[type[e.Event], ...]] = (
    e.Recalled,
    *dict.fromkeys(event for row in TRANSITIONS.values() for event, target in row.items() if target.is_terminal),
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
    """The job with the fields that the event changes; the state is set by :func:`apply`."""
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
        # The first provider of a `single` job is its only one.
        route=(event.provider,) if job.strategy == "single" else job.route,
        started_at=job.started_at or event.at,
        attempts=(*job.attempts, attempt),
        progress=Progress(stage="waiting_upstream"),
        waiting=None,
        not_before=None,
        upstream=None,
    )


@_change.register
def _(event: e.Hedged, job: Job) -> Job:
    hedge = Attempt(
        n=len(job.attempts) + 1,
        provider=event.provider,
        worker=event.worker,
        started_at=event.at,
        hedge=True,
        input=event.input,
    )
    return replace(job, attempts=(*job.attempts, hedge))


@_change.register
def _(event: e.AttemptFailed, job: Job) -> Job:
    left = [attempt for attempt in job.running if attempt.n != event.attempt]
    job = replace(_end(job, event.at, only=event.attempt, outcome="failed", error=event.error), route=event.route)
    if job.progress is not None:
        # The text so far may be the failed one's; the other's comes with its next event.
        job = replace(job, progress=replace(job.progress, partial=None))
    return _follow(job, left[-1]) if left else job


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
        stage=event.stage,
        fraction=event.fraction,
        step=event.step,
        total=event.total,
        message=event.message,
        partial=_partial(job),
    )
    return replace(job, progress=progress, upstream=None, waiting=None)


@_change.register
def _(event: e.Previewed, job: Job) -> Job:
    return replace(job, preview=Preview(index=event.index, updated_at=event.at))


@_change.register
def _(event: e.Wrote, job: Job) -> Job:
    before = job.progress or Progress(stage="generating")
    partial = (before.partial or "")[: event.kept] + event.text
    stage = "generating" if before.stage == "waiting_upstream" else before.stage
    return replace(job, progress=replace(before, stage=stage, partial=partial), upstream=None, waiting=None)


@_change.register
def _(event: e.Noted, job: Job) -> Job:
    return _noted(job, event.attempt or len(job.attempts), event.note)


@_change.register
def _(event: e.Requeued, job: Job) -> Job:
    return replace(
        _end(job, event.at, outcome=event.outcome, error=event.error),
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
    for attempt in job.running:
        if event.attempt in {None, attempt.n}:
            job = _end(_follow(job, attempt), event.at, only=attempt.n, outcome="succeeded")
        else:
            job = _noted(job, attempt.n, HEDGE_LOST.format(event.attempt))
    job = _end(job, event.at, outcome="canceled")
    done = Progress(stage="saving", fraction=1.0)
    warnings = (*job.warnings, *event.warnings)
    return replace(job, outputs=event.outputs, recipe=event.recipe, warnings=warnings, progress=done)


@_change.register
def _(event: e.Failed, job: Job) -> Job:
    return replace(_end(job, event.at, outcome="failed", error=event.error), error=event.error, progress=None)


def _partial(job: Job) -> str | None:
    return None if job.progress is None else job.progress.partial


def _end(job: Job, at: float, *, only: int | None = None, **changes: object) -> Job:
    """The job with its running attempts ended, or only the one of this number."""
    ending = {attempt.n for attempt in job.running if only in {None, attempt.n}}
    closed = (
        replace(attempt, ended_at=at, input=None, **changes) if attempt.n in ending else attempt
        for attempt in job.attempts
    )
    return replace(job, attempts=tuple(closed))


def _noted(job: Job, number: int, note: str) -> Job:
    """The job with another note in the ledger entry of an attempt."""
    noted = (
        replace(attempt, notes=(*attempt.notes, note)) if attempt.n == number else attempt for attempt in job.attempts
    )
    return replace(job, attempts=tuple(noted))


def _follow(job: Job, attempt: Attempt) -> Job:
    """The job with the provider and the input of this attempt."""
    return replace(job, provider=attempt.provider, input=attempt.input or job.input)
