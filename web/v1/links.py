"""Make links to results that work without a key."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from jobs.model import Job
from jobs.resources.links import job_path
from jobs.times import rfc3339
from web.http.auth import caller
from web.http.json_body import SMALL_BODY, read_optional_json
from web.http.operation import Operation, ok
from web.http.problems import Problem
from web.http.responses import json_response
from web.http.signed_links import Grant
from web.services import services
from web.v1.context import links, look
from web.v1.schemas.links import LINK_WISH, LinkResource, until

blueprint = Blueprint("links", __name__)

_ANSWERS: Final = (
    ok("The link. It opens this one resource for everybody who has it, until it expires.", LinkResource),
)
_ERRORS: Final = ("invalid_input", "not_found", "gone", "too_large", "unsupported_media")


@blueprint.post("/jobs/<job:job_id>/outputs/<index:index>/link")
@Operation("linkOutput", "Results", "read", body=LINK_WISH, body_required=False, answers=_ANSWERS, errors=_ERRORS)
def link_output(job_id: str, index: int) -> Response:
    """Make a link to an output.

    The link needs no key: use it in a chat, a mail or a page. `format` and `width` can be added to it.
    """
    job = look(job_id)[0].job
    if all(output.index != index for output in job.outputs):
        raise Problem("not_found", f"The job has no output {index} (its status is {job.status}).")
    return _link(job, "outputs", str(index))


@blueprint.post("/jobs/<job:job_id>/image/link")
@Operation("linkImage", "Results", "read", body=LINK_WISH, body_required=False, answers=_ANSWERS, errors=_ERRORS)
def link_image(job_id: str) -> Response:
    """Make a link to a job's current image.

    The link needs no key, and you can make it as soon as the job exists. It shows the job's status while it waits, and
    its result afterwards.
    """
    return _link(look(job_id)[0].job, "image")


def _link(job: Job, *rest: str) -> Response:
    found = services()
    wish = LINK_WISH.read(read_optional_json(request, SMALL_BODY))
    ends = until(wish.expires_seconds, job, found.connection.now())
    # Not the path that was asked for: an index may have been written as 00 there.
    path = job_path(job.id, *rest)
    signature = found.signed_links.sign(Grant(caller().owner, path, ends))
    return json_response(LinkResource(url=f"{links().base}{path}?sig={signature}", expires_at=rfc3339(ends)))
