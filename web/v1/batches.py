"""Submit jobs together, look at them, cancel them."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, request

from jobs.batches import Batch
from jobs.submissions import Submission
from providers.inputs.faults import FAULTS_LIMIT
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Operation, json_response, ok
from web.http.problems import Problem, invalid_all
from web.http.reply import PRIVATE
from web.services import asker, caller, links, services
from web.v1 import idempotency
from web.v1.accept import ERRORS, charge
from web.v1.permit import input_images, permit
from web.v1.schemas.batches import BatchResource, Member, batch_resource, check_bounds, members_of
from web.v1.schemas.jobs import JOB_REQUEST

blueprint = Blueprint("batches", __name__)


@blueprint.post("/batches")
@Operation(
    "submitBatch",
    "Jobs",
    "submit",
    submits=True,
    body="BatchSubmission",
    parameters=(idempotency.KEY,),
    answers=(
        ok(
            "All jobs are accepted, and none will be lost.",
            BatchResource,
            ("Location", REPLAYED),
            status=202,
        ),
    ),
    errors=tuple(code for code in ERRORS if code != "gone"),
)
def submit() -> Response:
    """Submit several jobs.

    Send a list of `jobs`, or a `template` and a `matrix` of values whose combinations become jobs; at most 100. All are
    checked first, and all are accepted or none. Each is an ordinary job with a `batch_id`.
    """
    body = read_json(request, PICTURE_BODY)
    marks, owner, found = idempotency.marks(body), caller().owner, services()
    batch = found.batches.made(marks, owner)
    replayed = batch is not None
    if batch is None:
        submissions = _permitted(members_of(body))
        check_bounds(submissions)
        charge(len(submissions))
        batch, replayed = found.batches.accept(owner, submissions, marks)
    answer = _answer(batch, 202)
    answer.headers["Location"] = links().batch(batch.id)
    return idempotency.say_replayed(answer) if replayed else answer


def _permitted(members: Sequence[Member]) -> list[Submission]:
    """All jobs of a batch as submissions, or every fault of all of them, each at its place in the request."""
    who = asker()
    images = input_images(who)
    found: list[Submission] = []
    faults: dict[tuple[str, str], None] = {}
    for member in members:
        try:
            found.append(permit(who, JOB_REQUEST.read(member.body), images=images))
        except Problem as problem:
            placed = problem.relocated(member.places)
            if placed.code != "invalid_input":
                raise placed from None
            faults |= dict.fromkeys(placed.errors)
    if faults:
        raise invalid_all(list(faults)[:FAULTS_LIMIT])
    return found


@blueprint.get("/batches/<batch_id>")
@Operation("getBatch", "Jobs", "read", answers=(ok("The batch.", BatchResource),), errors=("not_found",))
def get(batch_id: str) -> Response:
    """Get a batch.

    A batch is kept for 30 days after the last of its jobs was deleted.
    """
    return _answer(services().batches.get(batch_id, caller().owner))


@blueprint.post("/batches/<batch_id>/cancel")
@Operation(
    "cancelBatch",
    "Jobs",
    "submit",
    answers=(
        ok("All jobs of the batch have ended.", BatchResource),
        ok("Some jobs still run. They end as soon as their workers stop them.", BatchResource, status=202),
    ),
    errors=("not_found",),
)
def cancel(batch_id: str) -> Response:
    """Cancel the unfinished jobs of a batch."""
    found = services()
    batch = found.batches.get(batch_id, caller().owner)
    found.batches.cancel(batch)
    return _answer(batch, 200 if found.batches.state(batch).has_ended else 202)


def _answer(batch: Batch, status: int = 200) -> Response:
    return json_response(batch_resource(services().batches.state(batch), links()), status, PRIVATE)
