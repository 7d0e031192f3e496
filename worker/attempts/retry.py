"""What happens to a job when an attempt fails. Pure."""

from __future__ import annotations

from typing import Final

from jobs import events
from jobs.model import Failure, Job, WaitReason
from jobs.states import MAX_ATTEMPTS

#: Error code → seconds until the provider is asked again; doubled with every attempt.
PAUSES: Final[dict[str, float]] = {
    "provider_quota": 3600.0,
    "provider_busy": 30.0,
    "provider_unreachable": 5.0,
    "provider_timeout": 5.0,
}
#: Lost workers after which a job runs in a process of its own.
SUSPECT_LOSSES: Final = 2
#: The longest pause that an upstream can ask for, in seconds.
LONGEST_PAUSE: Final = 26 * 3600.0
#: Failures after which the provider rests for all jobs, since they are not about this job.
COOLING: Final = frozenset({"provider_quota", "provider_busy"})
#: Failures that the same provider would most likely repeat: only another provider is tried.
ELSEWHERE_ONLY: Final = frozenset({"provider_error", "provider_protocol", "provider_changed", "bad_output"})


def pause(failure: Failure, attempt: int) -> float:
    """Seconds until the provider of this failure is tried again."""
    if failure.retry_after is not None:
        return min(max(1.0, failure.retry_after), LONGEST_PAUSE)
    return PAUSES.get(failure.code, 1.0) * float(2 ** (attempt - 1))


def spent(job: Job) -> int:
    """The number of attempts that count: those handed back at a shutdown do not."""
    return sum(attempt.outcome != "handed_back" for attempt in job.attempts)


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
    if is_suspect(job) or spent(job) >= MAX_ATTEMPTS:
        return events.Failed(at=at, error=failure)
    return events.Requeued(at=at, outcome="lost", error=failure)


def after_failure(job: Job, failure: Failure, at: float) -> events.Requeued | events.Failed:
    """The event that ends a failed attempt of a running job: another attempt, or the end."""
    route = remaining_route(job, failure)
    if not failure.retryable or spent(job) >= MAX_ATTEMPTS or not route:
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
