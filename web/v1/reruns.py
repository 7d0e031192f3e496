"""Run a job once more."""

from __future__ import annotations

from flask import Blueprint, Response, request

from jobs.model import Job
from jobs.submissions import Submission
from web.http.json_body import PICTURE_BODY, read_optional_json
from web.http.operation import Operation
from web.v1 import idempotency
from web.v1.accept import ANSWERS, ERRORS, PARAMETERS, accept, answer, replayed
from web.v1.context import look
from web.v1.permit import choose, input_images, permit
from web.v1.schemas.reruns import RERUN, again, wanted_again

blueprint = Blueprint("reruns", __name__)


@blueprint.post("/jobs/<job:job_id>/rerun")
@Operation(
    "rerunJob",
    "Jobs",
    "submit",
    submits=True,
    body=RERUN,
    body_required=False,
    parameters=PARAMETERS,
    answers=ANSWERS,
    errors=ERRORS,
)
def rerun(job_id: str) -> Response:
    """Run a job again.

    Makes a new job with the same request and the changes in `input`. Input images are taken along, credentials are not.
    The seed is the one that the first job really used, even if it was chosen at random; `"seed": null` chooses a new
    one. The new job names the old one in `retry_of`.
    """
    record, _ = look(job_id)
    body = read_optional_json(request, PICTURE_BODY)
    marks = idempotency.marks(body)
    accepted = replayed(marks)
    if accepted is None:
        accepted = accept(_submission(body, record.job), marks)
    return answer(accepted)


def _submission(body: object, job: Job) -> Submission:
    changes = RERUN.read(body).input
    images, route = input_images(), choose(job.model, job.requested_provider)
    wanted = wanted_again(job, changes, route.images, images)
    return again(permit(wanted, route, images), job)
