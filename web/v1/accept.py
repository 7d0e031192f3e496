"""Accept a job, or find the one that an earlier sending of the request made, and answer with it.

Each dialect of the API takes the same steps, one by one: :func:`replayed`; else :func:`web.v1.permit.permit` and
:func:`accept`; then :func:`answer`, or :func:`awaited` and an answer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Response, request

from jobs.idempotency import Idempotency
from jobs.record.types import Record
from jobs.resources.job import JobResource
from jobs.scheduling.wait_reasons import Waiting
from jobs.submissions import Accepted, Submission
from web.http.auth import caller
from web.http.operation import Answer, Parameter
from web.services import services
from web.v1 import idempotency
from web.v1.context import job_answer, links, look, name_after
from web.v1.long_poll import wait_for_news, wait_preference

_JOB: Final = {"application/json": JobResource}

PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    description="`wait=n`: answer when the job has changed, at the latest after n seconds (60 at most).",
    example="wait=30",
)
#: What every route that accepts a job takes, answers, and refuses.
PARAMETERS: Final = (PREFER, idempotency.KEY, idempotency.REPEATS)
ANSWERS: Final = (
    Answer(
        status=202,
        description="Accepted: the job will not be lost. Poll it at `Location`, or watch its events.",
        content=_JOB,
        headers=("Location", "ETag", "Retry-After", "Preference-Applied", idempotency.REPLAYED),
    ),
    Answer(
        status=200,
        description="Accepted, and finished within `Prefer: wait`.",
        content=_JOB,
        headers=("Location", "ETag", "Preference-Applied", idempotency.REPLAYED),
    ),
)
ERRORS: Final = (
    "invalid_input", "idempotency_key_reused", "not_found", "gone", "quota_exceeded", "model_unavailable",
    "storage_error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Awaited:
    """A job after the wait for it: its record, what it waits for, and whether the wait was granted."""

    record: Record
    waiting: Waiting | None
    granted: bool


def replayed(marks: Idempotency) -> Accepted | None:
    """The job that an earlier sending of the current request made; None if this is the first.

    It comes before the body is checked: a request that was accepted once needs no second check.

    Raises:
        KeyReused: The idempotency key came with another request.
        JobGone: The job has been deleted.
    """
    made = services().store.made(marks)
    return None if made is None else Accepted(made, replayed=True)


def accept(submission: Submission, marks: Idempotency) -> Accepted:
    """Charge the caller's quota and accept the job: from here on it will not be lost.

    Raises:
        Problem: 429: the quota of submissions is used up.
        QuotaExceeded: The caller has as many queued jobs as allowed.
        StoreUnavailable: It was not written, or it is not known whether it was.
        ArtifactError: An image could not be stored.
    """
    charge(1)
    return services().submissions.accept(submission, marks)


def awaited(accepted: Accepted, seconds: int | None) -> Awaited:
    """Wait for the end of a job, and look at it then.

    Args:
        accepted: The job.
        seconds: How long at most; None looks at once.
    """
    name_after(accepted.record.job)
    granted = seconds is not None and wait_for_news(accepted.record, seconds, until_end=True)
    record, waiting = look(accepted.record.job.id)
    return Awaited(record, waiting, granted)


def answer(accepted: Accepted) -> Response:
    """The native answer: the job, after the wait that the client prefers."""
    seconds = wait_preference(request)
    found = awaited(accepted, seconds)
    ended = found.granted and found.record.job.status.is_terminal
    response = job_answer(found.record, found.waiting, 200 if ended else 202)
    response.headers["Location"] = links().job(found.record.job.id)
    if found.granted:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return idempotency.say_replayed(response) if accepted.replayed else response


def charge(count: int) -> None:
    """Charge the caller's quota of submissions; see :meth:`web.http.rate_limits.RateLimiter.charge`."""
    who = caller()
    services().rate_limiter.charge(who.owner, who.limits, count)
