"""Submit, read, list, cancel, delete."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request

from jobs.resources.job import JobResource
from web.http.auth import caller
from web.http.headers import header
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, Parameter
from web.http.query import only, words
from web.http.responses import PRIVATE, json_response
from web.services import services
from web.v1 import idempotency
from web.v1.accept import ANSWERS, ERRORS, PARAMETERS, PREFER, accept, answer, replayed
from web.v1.context import etag, job_answer, look
from web.v1.long_poll import wait_for_news, wait_preference
from web.v1.permit import permit
from web.v1.schemas.jobs import JOB_REQUEST, wanted_of
from web.v1.schemas.plans import PlanResource, planned

blueprint = Blueprint("jobs", __name__)

_JOB = {"application/json": JobResource}


@blueprint.post("/jobs")
@Operation(
    "submitJob",
    "Jobs",
    "submit",
    submits=True,
    body=JOB_REQUEST,
    parameters=(
        Parameter(
            name="dry_run",
            place="query",
            description="`1`: submit nothing, and answer 200 with the plan.",
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
        return json_response(planned(permit(wanted_of(body)), caller().limits, services()))
    marks = idempotency.marks(body)
    return answer(replayed(marks) or accept(permit(wanted_of(body)), marks))


@blueprint.get("/jobs/<job:job_id>")
@Operation(
    "getJob",
    "Jobs",
    "read",
    parameters=(
        Parameter(
            name="If-None-Match",
            place="header",
            description="The `ETag` of your copy: without a change the answer is 304. With `Prefer: wait` it comes after the wait.",
            example='W/"3"',
        ),
        PREFER,
    ),
    answers=(
        Answer(
            status=200,
            description="The job.",
            content=_JOB,
            headers=("ETag", "Retry-After", "Preference-Applied"),
        ),
        Answer(status=304, description="Nothing has changed.", headers=("ETag", "Preference-Applied")),
    ),
    errors=("not_found", "gone"),
)
def get(job_id: str) -> Response:
    """Get a job.

    With `Prefer: wait=n` and `If-None-Match` the answer comes at the next change: one request per change, and none is
    missed.
    """
    record, waiting = look(job_id)
    known = header(request, "If-None-Match")
    seconds = wait_preference(request)
    granted = False
    if seconds is not None and (not known or _matches(known, etag(record, waiting))):
        granted = wait_for_news(record, seconds, until_end=False)
        record, waiting = look(job_id)
    mark = etag(record, waiting)
    if known and _matches(known, mark):
        response = Response(status=304, headers={**PRIVATE, "ETag": mark})
    else:
        response = job_answer(record, waiting)
    if granted:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def _matches(known: str, mark: str) -> bool:
    """Weak comparison (RFC 9110, section 8.8.3.2)."""
    bare = mark.removeprefix("W/")
    return known.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in known.split(","))


@blueprint.post("/jobs/<job:job_id>/cancel")
@Operation(
    "cancelJob",
    "Jobs",
    "submit",
    answers=(
        Answer(status=200, description="The job is canceled, or had already ended.", content=_JOB, headers=("ETag",)),
        Answer(
            status=202,
            description="The job still runs. It ends as soon as its worker stops it.",
            content=_JOB,
            headers=("ETag", "Retry-After"),
        ),
    ),
    errors=("not_found", "gone"),
)
def cancel(job_id: str) -> Response:
    """Cancel a job.

    A waiting job ends at once, a running one as soon as possible, and its late results are dropped. Canceling it again
    does nothing.
    """
    found = services()
    found.jobs.cancel(job_id, caller().owner)
    record, waiting = look(job_id)
    return job_answer(record, waiting, 200 if record.job.status.is_terminal else 202)


@blueprint.delete("/jobs/<job:job_id>")
@Operation(
    "deleteJob",
    "Jobs",
    "submit",
    answers=(Answer(status=204, description="The job is deleted, with its record, files and previews."),),
    errors=("not_found", "gone"),
)
def delete(job_id: str) -> Response:
    """Delete a job now.

    A job that has not ended is canceled first. Afterwards its address answers 410 and tells how it ended.
    """
    services().jobs.delete(job_id, caller().owner)
    return Response(status=204)
