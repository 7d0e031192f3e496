"""A job that ended without a result, as the answer of a dialect whose client waited for it."""

from __future__ import annotations

from typing import Final

from flask import Response
from msgspec import structs

from jobs.error_codes import CAUSES
from jobs.model import Job
from web.http.error_responses import current_operation, problem_resource
from web.http.operation import json_response
from web.http.problems import Problem

#: HTTP statuses of jobs without a result by their error codes; of any other code that of ``job_failed``. None is a
#: server's fault: to some clients that is a reason to ask again, and each time makes a job.
_STATUSES: Final = {"content_rejected": 400, "invalid_input": 400, "canceled": 410}
#: What OpenAI calls a refusal for what a prompt or a picture shows.
_REFUSED: Final = "content_policy_violation"
#: The answer is final: Darkroom has tried again itself. OpenAI's clients read it.
NO_RETRY: Final = {"x-should-retry": "false"}


def failure_of(job: Job) -> Problem:
    """Why a job has no result."""
    code = str(job.status) if job.error is None else job.error.code
    detail = f"The job {job.id} ended as {job.status}." if job.error is None else job.error.detail
    return Problem(
        "job_failed",
        detail,
        status=_STATUSES.get(code),
        headers=NO_RETRY,
        members={"id": job.id, "job_status": job.status},
    )


def failed(job: Job) -> Response:
    """The answer for a job that has no result: as the route refuses; else a problem document with the job's ``error.code``."""
    problem = failure_of(job)
    if (declared := current_operation()) is not None and declared.refusal is not None:
        return declared.refusal(problem)
    resource = problem_resource(problem)
    code = job.error.code if job.error is not None else str(job.status)
    code = _REFUSED if code == "content_rejected" else code
    error = structs.replace(resource.error, code=code)
    title = CAUSES[code].title if code in CAUSES else resource.title
    return json_response(
        structs.replace(resource, title=title, error=error), problem.status, problem.headers, "application/problem+json"
    )


def rewritten(job: Job) -> Problem:
    """The job's text cannot be told to the end: what a client has of it is not how it begins."""
    detail = f"The app wrote its text anew after a part of it was sent; GET /v1/jobs/{job.id} has the whole."
    return Problem("job_failed", detail, headers=NO_RETRY, members={"id": job.id, "job_status": job.status})
