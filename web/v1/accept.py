"""Accept a job, or find the one that an earlier sending of the request made, and answer with it.

Each dialect of the API takes the same steps, one by one: :func:`replayed`; else :func:`web.v1.permit.permit` and
:func:`accept`; then :func:`answer`, or :func:`awaited` and an answer of its own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flask import Response, request

from jobs.idempotency import Idempotency
from jobs.model import Status
from jobs.record.types import Accepted
from jobs.resources.job import JobResource
from jobs.submissions import Submission
from web.http.headers import REPLAYED, REQUEST_ID, header, name_request
from web.http.operation import Parameter, ok
from web.http.problems import Problem
from web.services import Asker, asker, caller, links, services
from web.v1 import idempotency
from web.v1.job_answers import job_answer, look, seen_by, wait_for_news, wait_preference
from web.v1.job_documents import Seen

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PREFER: Final = Parameter(
    "Prefer",
    "header",
    "`wait=n`: answer when the job has changed, at the latest after n seconds (60 at most).",
    example="wait=30",
)
#: What every route that accepts a job takes, answers, and refuses.
PARAMETERS: Final = (PREFER, idempotency.KEY, idempotency.REPEATS)
ANSWERS: Final = (
    ok(
        "Accepted: the job will not be lost. Poll it at `Location`, or watch its events.",
        JobResource,
        ("Location", "ETag", "Retry-After", "Preference-Applied", REPLAYED),
        status=202,
    ),
    ok(
        "Accepted, and finished within `Prefer: wait`.",
        JobResource,
        ("Location", "ETag", "Preference-Applied", REPLAYED),
    ),
)
ERRORS: Final = (
    "invalid_input", "idempotency_key_reused", "not_found", "gone", "quota_exceeded", "model_unavailable",
    "storage_error",
)  # fmt: skip


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


def awaited(accepted: Accepted, seconds: int | None) -> tuple[Seen, bool]:
    """The job after at most so many seconds (None: now) or its end, and whether the wait was granted."""
    name_after(request.environ, accepted)
    if seconds is None:
        return as_accepted(asker(), accepted), False
    granted = False
    # Who may not ask any more still learns which job was accepted.
    with suppress(Problem):
        granted = wait_for_news(accepted.record, seconds, until_end=True)
    return look(accepted.record.job.id), granted


def name_after(environ: WSGIEnvironment, accepted: Accepted) -> None:
    """Let the job's id be the request's, unless the client sent one: SDKs show it."""
    if not header(environ, REQUEST_ID):
        name_request(environ, accepted.record.job.id)


def as_accepted(asker: Asker, accepted: Accepted) -> Seen:
    """The job as it was when it was accepted; looked up only if nobody saw then where it stands."""
    record, place = accepted.record, accepted.place
    if place is None and record.job.status is Status.QUEUED:
        return seen_by(asker.services, asker.caller.owner, record.job.id)
    return Seen(record, asker.services.queue_estimates.waiting(record, place))


def answer(accepted: Accepted) -> Response:
    """The native answer: the job, after the wait that the client prefers."""
    seconds = wait_preference(request)
    seen, granted = awaited(accepted, seconds)
    job = seen.record.job
    response = job_answer(seen, 200 if granted and job.status.is_terminal else 202)
    response.headers["Location"] = links().job(job.id)
    if granted:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return idempotency.say_replayed(response) if accepted.replayed else response


def charge(count: int) -> None:
    """Charge the caller's quota of submissions; see :meth:`web.http.rate_limits.RateLimiter.charge`."""
    who = caller()
    services().rate_limiter.charge(who.owner, who.limits, count)
