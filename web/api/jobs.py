"""Submit, read, list, cancel, delete."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Response, request

from jobs.model import Job
from web import once
from web.accept import ANSWERS, ERRORS, PARAMETERS, PREFER, accepted
from web.cursors import BadCursor
from web.errors import Problem
from web.frontdoor import PICTURE_BODY, read_json
from web.headers import header
from web.operation import Answer, Parameter, operation
from web.query import only, whole_number, words
from web.reading import caller, job_answer, links, look, wait_for_news, wait_preference
from web.schemas import STATUSES, etag, job_json
from web.services import services
from web.submission import parse

blueprint = Blueprint("jobs", __name__)

_JOB = {"application/json": "Job"}
_LIST_LIMIT = 100


@blueprint.post("/jobs")
@operation(
    "submitJob",
    "Jobs",
    "submit",
    body="Submission",
    parameters=PARAMETERS,
    answers=ANSWERS,
    errors=ERRORS,
)
def submit() -> Response:
    """Submit a job.

    The input is checked against what the model's providers declare: unknown fields, wrong types and wrong ranges are
    refused, each with a JSON pointer. The job's `input` shows what will really be used.

    With an `Idempotency-Key` it can be sent again after a lost answer, and makes one job.
    """
    body = read_json(request, PICTURE_BODY)
    return accepted(once.marks(body), lambda: parse(body, caller().owner, services().catalog))


@blueprint.get("/jobs/<job:job_id>")
@operation(
    "getJob",
    "Jobs",
    "read",
    parameters=(
        Parameter(
            name="If-None-Match",
            place="header",
            description="The `ETag` of what you have: nothing new gives 304. With `Prefer: wait`, that comes late.",
            example='W/"3"',
        ),
        PREFER,
    ),
    answers=(
        Answer(
            status=200,
            description="The job as it stands.",
            content=_JOB,
            headers=("ETag", "Retry-After", "Preference-Applied"),
        ),
        Answer(status=304, description="It is as you have it.", headers=("ETag", "Preference-Applied")),
    ),
    errors=("not_found", "gone"),
)
def get(job_id: str) -> Response:
    """Get a job.

    With `Prefer: wait=n` the answer comes at the next change, so one request a change is enough and none is missed.
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
        answer = Response(status=304, headers={"ETag": mark, "Cache-Control": "private, no-cache"})
    else:
        answer = job_answer(record, waiting)
    if granted:
        answer.headers["Preference-Applied"] = f"wait={seconds}"
    return answer


def _matches(known: str, mark: str) -> bool:
    """Weak comparison (RFC 9110, section 8.8.3.2)."""
    bare = mark.removeprefix("W/")
    return known.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in known.split(","))


@blueprint.get("/jobs")
@operation(
    "listJobs",
    "Jobs",
    "read",
    parameters=(
        Parameter(
            name="limit",
            place="query",
            description="Most jobs in one answer.",
            schema={"type": "integer", "minimum": 1, "maximum": _LIST_LIMIT, "default": 20},
        ),
        Parameter(name="cursor", place="query", description="`next_cursor` of the answer before."),
        Parameter(
            name="status",
            place="query",
            description="Only jobs with one of these statuses, separated by commas.",
            example="queued,running",
        ),
        Parameter(name="model", place="query", description="Only jobs that asked for this model."),
        Parameter(name="provider", place="query", description="Only jobs that ran, or will run, on this provider."),
    ),
    answers=(
        Answer(
            status=200,
            description="Your jobs, newest first.",
            content={"application/json": "JobList"},
            headers=("Link",),
        ),
    ),
    errors=("invalid_input",),
)
def list_jobs() -> Response:
    """List your jobs."""
    found, owner = services(), caller().owner
    parameters = only(request, "limit", "cursor", "status", "model", "provider")
    limit = whole_number(parameters, "limit", 20, 1, _LIST_LIMIT)
    statuses = words(parameters, "status", STATUSES)
    model, provider = parameters.get("model"), parameters.get("provider")

    def keep(job: Job) -> bool:
        return (
            (statuses is None or job.status in statuses)
            and (model is None or job.model == model)
            and (provider is None or (job.provider or job.requested_provider) == provider)
        )

    page = found.jobs.page(owner, cursor=_place(owner, parameters.get("cursor")), limit=limit, keep=keep)
    positions = found.views.positions(record.job.id for record in page.records if record.job.status == "queued")
    data = [
        job_json(record, found.outlook.waiting(record, positions.get(record.job.id)), links())
        for record in page.records
    ]
    body = {"object": "list", "data": data, "has_more": page.next_cursor is not None}
    answer = Response(mimetype="application/json")
    if page.next_cursor is not None:
        body["next_cursor"] = found.cursors.seal(owner, page.next_cursor)
        following = urlencode({**parameters, "cursor": body["next_cursor"]})
        answer.headers["Link"] = f'<{links().jobs()}?{following}>; rel="next"'
    answer.data = msgspec.json.encode(body)
    return answer


def _place(owner: str, cursor: str | None) -> str | None:
    try:
        return None if cursor is None else services().cursors.open(owner, cursor)
    except BadCursor:
        detail = "is no cursor of this list"
        raise Problem("invalid_input", f"The query parameter cursor {detail}.", errors=[("?cursor", detail)]) from None


@blueprint.post("/jobs/<job:job_id>/cancel")
@operation(
    "cancelJob",
    "Jobs",
    "submit",
    answers=(
        Answer(status=200, description="It is canceled, or had ended already.", content=_JOB, headers=("ETag",)),
        Answer(
            status=202,
            description="It runs; it will end as soon as its worker lets go.",
            content=_JOB,
            headers=("ETag", "Retry-After"),
        ),
    ),
    errors=("not_found", "gone"),
)
def cancel(job_id: str) -> Response:
    """Cancel a job.

    A waiting job ends at once, a running one as soon as possible; its late results are dropped. Again does nothing.
    """
    found = services()
    found.jobs.cancel(job_id, caller().owner)
    record, waiting = look(job_id)
    return job_answer(record, waiting, 200 if record.job.status.is_terminal else 202)


@blueprint.delete("/jobs/<job:job_id>")
@operation(
    "deleteJob",
    "Jobs",
    "submit",
    answers=(Answer(status=204, description="It is gone: its record, its files, its previews."),),
    errors=("not_found", "gone"),
)
def delete(job_id: str) -> Response:
    """Delete a job now.

    One that has not ended is canceled first. From then on its address answers 410 and tells how it ended.
    """
    services().jobs.delete(job_id, caller().owner)
    return Response(status=204)
