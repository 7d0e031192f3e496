"""How an attempt can end, and what its end makes of the job: the result, another try, or the failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jobs import events
from jobs.error_codes import CAUSES
from jobs.model import Failure, Job, Output, Recipe, WaitReason
from jobs.states import MAX_ATTEMPTS

# -- what :meth:`providers.Control.cancel` is called with ------------------------

#: From outside: the job was canceled; the worker stops; another worker may have the job.
CANCELED: Final = "canceled"
HANDED_BACK: Final = "handed_back"
LEASE_LOST: Final = "lease_lost"
#: The attempt's time is over.
OVERDUE: Final = "overdue"
#: This process has no thread for it: that says nothing about the job or its provider.
NO_THREAD: Final = "no_thread"
#: Of two attempts: the other one has its result; the record cannot be written.
OUTRUN: Final = "outrun"
ABANDONED: Final = "abandoned"

# -- when a failed job is tried again --------------------------------------------

#: Error code → seconds until the provider is asked again; doubled with every attempt.
PAUSES: Final[dict[str, float]] = {
    "provider_quota": 3600.0,
    "provider_busy": 30.0,
    "provider_unreachable": 5.0,
    "provider_timeout": 5.0,
}
#: Seconds until a job is tried again that a process had no means for.
CRAMPED_SECONDS: Final = 10.0
#: Lost workers after which a job runs in a process of its own.
SUSPECT_LOSSES: Final = 2
#: The longest pause that an upstream can ask for, in seconds.
LONGEST_PAUSE: Final = 26 * 3600.0
#: Failures after which the provider rests for all jobs, since they are not about this job.
COOLING: Final = frozenset(code for code, cause in CAUSES.items() if cause.counts == "rest")
#: Failures that the same provider would most likely repeat: only another provider is tried.
ELSEWHERE_ONLY: Final = frozenset({"provider_error", "provider_protocol", "provider_changed", "bad_output", "internal"})


@dataclass(frozen=True, slots=True)
class Finished:
    """What an attempt made: its outputs, stored, and how they were made. ``attempt`` is its number, where two ran.

    ``warnings`` say what of the result was not kept, or not as it came.
    """

    outputs: tuple[Output, ...]
    recipe: Recipe
    attempt: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt was ended from outside, for this reason."""

    reason: str


End = Finished | Failure | Stopped


def name_of(end: End) -> str:
    """How an end is counted."""
    match end:
        case Failure(code=code):
            return code
        case Stopped(reason=reason):
            return reason
        case _:
            return "succeeded"


def after(job: Job, end: End, at: float) -> events.JobEvent:
    """What the end of a run makes of the job."""
    canceled = isinstance(end, Stopped) and end.reason == CANCELED
    # A cancel that came in the last moment wins over another try, and over a late result.
    if canceled or job.cancel_requested_at is not None:
        return events.Canceled(at=at)
    match end:
        case Finished():
            return events.Succeeded(
                at=at, outputs=end.outputs, recipe=end.recipe, attempt=end.attempt, warnings=end.warnings
            )
        case Failure():
            return after_failure(job, end, at)
        case Stopped(reason=reason) if reason == NO_THREAD:
            # Not at once: it would come back to the same process.
            rest = at + CRAMPED_SECONDS
            return events.Requeued(at=at, outcome="handed_back", not_before=rest, reason="workers_busy")
        case _:
            return events.Requeued(at=at, outcome="handed_back")


def pause(failure: Failure, attempt: int) -> float:
    """Seconds until the provider of this failure is tried again."""
    if failure.retry_after is not None:
        return min(max(1.0, failure.retry_after), LONGEST_PAUSE)
    return PAUSES.get(failure.code, 1.0) * float(2 ** (attempt - 1))


def spent(job: Job) -> int:
    """The number of attempts that count: those handed back at a shutdown do not."""
    return sum(attempt.outcome != "handed_back" for attempt in job.attempts)


def has_spent_all(job: Job) -> bool:
    """Whether the job gets no further attempt."""
    return spent(job) >= MAX_ATTEMPTS


def is_suspect(job: Job) -> bool:
    """Whether the job itself may have ended its workers, so that it must run in a process of its own.

    One loss can be an accident, and it is one for each job that ran beside a bad job. So a job runs alone after its
    second loss, or after one loss if it has only one attempt left. The attempt that runs now does not count.
    """
    ended = [attempt for attempt in job.attempts if attempt.outcome not in {None, "handed_back"}]
    # An attempt and its hedge run in one process: they are lost together.
    losses = len({attempt.ended_at for attempt in ended if attempt.outcome == "lost"})
    return losses >= SUSPECT_LOSSES or (losses > 0 and len(ended) >= MAX_ATTEMPTS - 1)


def after_loss(job: Job, at: float) -> events.Requeued | events.Failed:
    """The event that ends an attempt whose worker is gone: another attempt, unless the job is a suspect or has had three."""
    failure = Failure(
        code="worker_lost",
        detail="the worker that ran this job died",
        retryable=True,
        provider=job.provider,
    )
    if is_suspect(job) or has_spent_all(job):
        return events.Failed(at=at, error=failure)
    return events.Requeued(at=at, outcome="lost", error=failure)


def after_failure(job: Job, failure: Failure, at: float) -> events.Requeued | events.Failed:
    """The event that ends a failed attempt of a running job: another attempt, or the end."""
    route = remaining_route(job, failure)
    if not failure.retryable or has_spent_all(job) or not route:
        return events.Failed(at=at, error=failure)
    rest = at + pause(failure, spent(job))
    if job.deadline_at is not None and rest >= job.deadline_at and len(route) == 1:
        return events.Failed(at=at, error=failure)
    # If other providers are left, the job goes there at once; the provider's own rest keeps it from coming back too soon.
    alone = all(provider == failure.provider for provider in route)
    return events.Requeued(
        at=at,
        outcome="failed",
        error=failure,
        route=route,
        not_before=rest if alone else None,
        reason=_reason(failure) if alone else None,
    )


def remaining_route(job: Job, failure: Failure) -> tuple[str, ...]:
    """The providers that are left, the failed one last."""
    others = tuple(provider for provider in job.route if provider != failure.provider)
    if failure.code in ELSEWHERE_ONLY or failure.provider not in job.route:
        return others
    return (*others, str(failure.provider))


def _reason(failure: Failure) -> WaitReason:
    return "provider_waking" if failure.code == "provider_unreachable" else "provider_cooldown"
