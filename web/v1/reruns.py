"""Run a job once more."""

from __future__ import annotations

from flask import Blueprint, Response, request

from web.http.json_body import PICTURE_BODY, read_optional_json
from web.http.operation import operation
from web.services import services
from web.v1 import idempotency
from web.v1.accept import ANSWERS, ERRORS, PARAMETERS, accepted, pictures
from web.v1.context import look
from web.v1.schemas.reruns import parse_rerun

blueprint = Blueprint("reruns", __name__)


@blueprint.post("/jobs/<job:job_id>/rerun")
@operation(
    "rerunJob",
    "Jobs",
    "submit",
    submits=True,
    body="Rerun",
    body_required=False,
    parameters=PARAMETERS,
    answers=ANSWERS,
    errors=ERRORS,
)
def rerun(job_id: str) -> Response:
    """Run a job once more.

    A new job with the same request, but for what `input` changes; pictures that came with the first one come along,
    credentials do not. The seed is the one that the first one really used, also where it was drawn at random;
    `"seed": null` draws a new one. The new job names the old one in `retry_of`.
    """
    record, _ = look(job_id)
    body = read_optional_json(request, PICTURE_BODY)
    found = services()
    return accepted(idempotency.marks(body), lambda: parse_rerun(body, record.job, found.catalog, pictures()))
