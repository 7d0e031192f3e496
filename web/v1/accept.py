"""Accepting a job, or finding the one that the same request made before, and the answer to both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Response, request

from jobs.egress import BadAddress
from jobs.idempotency import Idempotency
from jobs.model import Webhook
from jobs.service import Accepted, Submission
from web.http.operation import Answer, Parameter
from web.http.problems import Problem, invalid
from web.schemas import Json
from web.services import services
from web.v1 import idempotency
from web.v1.context import caller, job_answer, links, look, name_after, wait_for_news, wait_preference
from web.v1.schemas.input_images import Held, Pictures

_JOB: Final = {"application/json": "Job"}

PREFER: Final = Parameter(
    name="Prefer",
    place="header",
    description="`wait=n`: answer when there is something to say, at the latest after n seconds (60 at most).",
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


def accepted(marks: Idempotency, make: Callable[[], Submission]) -> Response:
    """Accept a job, or find the one that this request made before, and answer with it.

    Args:
        marks: Of the request.
        make: Validates it. Not asked where the job is there: what was accepted once needs no second check.
    """
    jobs = services().jobs
    made = jobs.made(marks)
    if made is None:
        submission = make()
        charge(1)
        found = jobs.accept(submission, marks)
    else:
        found = Accepted(made, replayed=True)
    name_after(found.record.job)
    seconds = wait_preference(request)
    granted = seconds is not None and wait_for_news(found.record, seconds, until_end=True)
    record, waiting = look(found.record.job.id)
    answer = job_answer(record, waiting, 200 if granted and record.job.status.is_terminal else 202)
    answer.headers["Location"] = links().job(record.job.id)
    if granted:
        answer.headers["Preference-Applied"] = f"wait={seconds}"
    return idempotency.say_replayed(answer) if found.replayed else answer


def charge(count: int) -> None:
    """Count what could not be counted when the request came in; see :meth:`web.http.rate_limits.RateLimiter.charge`."""
    who = caller()
    services().rate_limiter.charge(who.owner, who.limits, count)


def pictures() -> Pictures:
    """What reads the pictures of the current request."""
    uploads, owner = services().uploads, caller().owner

    def find(file_id: str) -> Held | None:
        upload = uploads.find(file_id, owner)
        return None if upload is None else (upload.id, upload.sha256)

    return Pictures(find, services().egress, links().base)


def accepted_proxy(url: str) -> None:
    """Let the current caller bring this proxy.

    Raises:
        Problem: 403: the key has not the scope; 422: nobody may, or it is no public one.
    """
    try:
        services().egress.check_proxy(url)
    except BadAddress as error:
        raise invalid("/credentials/proxy", str(error)) from None
    if "proxy" not in caller().scopes:
        raise Problem("forbidden", "A proxy of your own needs a key with the scope proxy.")


def accepted_webhook(wish: Json) -> Webhook:
    """The webhook of a submission by the current caller.

    Args:
        wish: Fits :data:`web.v1.schemas.webhooks.WISH`.

    Raises:
        Problem: 422: nothing is sent to such an address.
    """
    try:
        return services().webhooks.accept(
            caller().owner,
            wish["url"],
            base=links().base,
            events=wish.get("events", ()),
            payload=wish.get("payload", "full"),
        )
    except BadAddress as error:
        raise invalid("/webhook/url", str(error)) from None
