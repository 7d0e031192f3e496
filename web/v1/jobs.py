"""Submit, read, list, cancel, delete."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs.resources.base import optional, optional_time
from jobs.resources.job import JobResource
from jobs.scheduling.plan import plan
from jobs.submissions import Submission
from web.http.headers import header
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, Parameter, json_response, ok, only, words
from web.services import asker, caller, services
from web.v1 import idempotency
from web.v1.accept import ANSWERS, ERRORS, PARAMETERS, PREFER, accept, answer, replayed
from web.v1.job_answers import document_of, job_answer, look, polled, wait_for_news, wait_preference
from web.v1.lane import polls
from web.v1.permit import permit
from web.v1.schemas.jobs import JOB_REQUEST, PlanResource

blueprint = Blueprint("jobs", __name__)


@blueprint.post("/jobs")
@Operation(
    "submitJob",
    "Jobs",
    "submit",
    submits=True,
    body=JOB_REQUEST,
    parameters=(
        Parameter(
            "dry_run",
            "query",
            "`1`: submit nothing, and answer 200 with the plan.",
            schema={"enum": ["0", "1"]},
            example="0",
        ),
        *PARAMETERS,
    ),
    answers=(
        ANSWERS[0],
        replace(
            ANSWERS[1],
            description=f"{ANSWERS[1].description} Or the plan of a dry run.",
            content={"application/json": (JobResource, PlanResource)},
        ),
    ),
    errors=ERRORS,
)
def submit() -> Response:
    """Submit a job.

    The input is checked against what the model's providers declare: unknown fields, wrong types and wrong ranges are
    refused, each with a JSON pointer. The job's `input` shows the input that the provider gets.

    With an `Idempotency-Key` you can repeat the request after a lost answer; it makes one job.

    With `dry_run=1` nothing is submitted. The answer tells which input would be used, which provider would run it, and
    when. A random seed differs each time.
    """
    dry = words(only(request, "dry_run"), "dry_run", ("0", "1"))
    body = read_json(request, PICTURE_BODY)
    if dry is not None and "1" in dry:
        return json_response(_planned(permit(asker(), JOB_REQUEST.read(body))))
    marks = idempotency.marks(body)
    return answer(replayed(marks) or accept(permit(asker(), JOB_REQUEST.read(body)), marks))


def _planned(submission: Submission) -> PlanResource:
    """What would become of the caller's submission. Writes nothing."""
    found = services()
    job = found.submissions.job(submission, "job_")
    groups = found.views.groups(job.owner, job.user, caller().limits)
    made = plan(job, found.queue_estimates.situation(job), found.queue.overview(), job.created_at, groups)
    waiting = made.waiting
    return PlanResource(
        model=submission.model,
        strategy=submission.strategy,
        provider=optional(made.provider),
        fallbacks=list(made.fallbacks),
        hedge_after_seconds=optional(made.hedge_after),
        route=list(submission.route),
        input=submission.input if made.provider is None else submission.inputs[made.provider],
        eta_seconds=optional(made.eta_seconds),
        reason=UNSET if waiting is None else waiting.reason,
        message=UNSET if waiting is None else waiting.message,
        until=UNSET if waiting is None else optional_time(waiting.until),
    )


@blueprint.get(polls.ROUTE)
@Operation(
    "getJob",
    "Jobs",
    "read",
    parameters=(
        Parameter(
            "If-None-Match",
            "header",
            "The `ETag` of your copy: without a change the answer is 304. With `Prefer: wait` it comes after the wait.",
            example='W/"3"',
        ),
        PREFER,
    ),
    answers=(
        ok("The job.", JobResource, ("ETag", "Retry-After", "Preference-Applied")),
        Answer(304, "Nothing has changed.", headers=("ETag", "Preference-Applied")),
    ),
    errors=("not_found", "gone"),
)
def get(job_id: str) -> Response:
    """Get a job.

    With `Prefer: wait=n` and `If-None-Match` the answer comes at the next change: one request per change, and none is
    missed.
    """
    seconds = wait_preference(request)
    granted = False
    if seconds is not None:
        seen = look(job_id)
        known = header(request.environ, "If-None-Match")
        if not known or document_of(seen).is_known(known):
            granted = wait_for_news(seen.record, seconds, until_end=False)
    reply = polled(services(), caller().owner, job_id, request.environ)
    response = Response(reply.body, reply.status, [*reply.headers])
    if granted:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


@blueprint.post("/jobs/<job:job_id>/cancel")
@Operation(
    "cancelJob",
    "Jobs",
    "submit",
    answers=(
        ok("The job is canceled, or had already ended.", JobResource, ("ETag",)),
        ok(
            "The job still runs. It ends as soon as its worker stops it.",
            JobResource,
            ("ETag", "Retry-After"),
            status=202,
        ),
    ),
    errors=("not_found", "gone"),
)
def cancel(job_id: str) -> Response:
    """Cancel a job.

    A waiting job ends at once, a running one as soon as possible, and its late results are dropped. Canceling it again
    does nothing.
    """
    services().jobs.cancel(job_id, caller().owner)
    seen = look(job_id)
    return job_answer(seen, 200 if seen.record.job.status.is_terminal else 202)


@blueprint.delete("/jobs/<job:job_id>")
@Operation(
    "deleteJob",
    "Jobs",
    "submit",
    answers=(Answer(204, "The job is deleted, with its record, files and previews."),),
    errors=("not_found", "gone"),
)
def delete(job_id: str) -> Response:
    """Delete a job now.

    A job that has not ended is canceled first. Afterwards its address answers 410 and tells how it ended.
    """
    services().jobs.delete(job_id, caller().owner)
    return Response(status=204)
