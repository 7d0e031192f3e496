"""The body of ``POST /v1/batches``, the jobs that it means, and a batch as the API shows it. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from jobs.batches import SIZE_LIMIT, BatchState
from jobs.model import Status
from jobs.resources import examples
from jobs.resources.base import BatchId, Count, Fraction, JobId, Links, Resource, Time, Url, about, rfc3339
from jobs.submissions import Submission
from providers.inputs.faults import FAULTS_LIMIT, escape
from providers.inputs.normalise import pixel_steps
from web.http.json_body import PICTURE_BODY, Json, check_amount
from web.http.problems import invalid, invalid_all
from web.http.validation import BodyReader, RequestBody

#: Fields of a job that a matrix may vary, besides ``input.…``.
_FIELDS: Final = ("model", "provider", "priority")
#: Most pixels x steps of all jobs together.
COST_LIMIT: Final = SIZE_LIMIT * 1024 * 1024 * 28
#: Most images that its jobs keep, together: each job keeps its own, and each is a file that has to reach the disk.
IMAGES_LIMIT: Final = 1000
#: The component of one job's body; it depends on the models of the installation.
_SUBMISSION: Final = "Submission"


class BatchOfJobs(RequestBody, frozen=True, kw_only=True):
    """Jobs in a list."""

    jobs: Annotated[
        list[Any],
        Meta(
            min_length=1,
            max_length=SIZE_LIMIT,
            extra_json_schema={"items": {"$ref": f"#/components/schemas/{_SUBMISSION}"}},
        ),
    ]


class BatchOfMatrix(RequestBody, frozen=True, kw_only=True):
    """Jobs that differ in a few values."""

    template: Annotated[dict[str, Any], about("A submission, but for what the matrix fills in.")]
    matrix: Annotated[
        dict[
            Annotated[str, Meta(pattern=r"^(model|provider|priority|input\..+)$")],
            Annotated[list[Any], Meta(min_length=1, max_length=SIZE_LIMIT)],
        ],
        Meta(
            min_length=1,
            description="Values for `model`, `provider`, `priority` or `input.<name>`; every combination is a job, the last"
            " name varies fastest.",
        ),
    ]


# Each job is checked by itself, so that one answer has the faults of its input as well.
_jobs: Final = BodyReader(BatchOfJobs, elsewhere={_SUBMISSION: {}})
_matrix: Final = BodyReader(BatchOfMatrix)


BATCH_EXAMPLES: Final[Json] = {
    "list": {
        "summary": "Two jobs",
        "value": {
            "jobs": [
                {"model": "flux-schnell", "input": {"prompt": "a lighthouse at dusk"}},
                {"model": "flux-dev", "input": {"prompt": "a lighthouse at dawn"}},
            ]
        },
    },
    "matrix": {
        "summary": "Four jobs: two models with two seeds each",
        "value": {
            "template": {"model": "flux-dev", "input": {"prompt": "a lighthouse at dusk"}},
            "matrix": {"model": ["flux-dev", "flux-schnell"], "input.seed": [1, 2]},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Member:
    """The body of one job, and where its parts stand in the request.

    Args:
        body: As a job of its own would be submitted.
        places: Pointers into the request, by pointers into the body; see :meth:`web.http.problems.Problem.relocated`.
    """

    body: Any
    places: dict[str, str] = field(default_factory=dict)


def members_of(body: object) -> Sequence[Member]:
    """The jobs that a body means; whether each is right is not looked at.

    Raises:
        Problem: 413: its jobs are too large together; 422: it is no batch.
    """
    if not isinstance(body, dict):
        raise invalid("", "must be an object")
    if ("jobs" in body) == ("template" in body or "matrix" in body):
        raise invalid("", "must have either jobs, or template and matrix")
    if "jobs" in body:
        return [Member(job, {"": f"/jobs/{index}"}) for index, job in enumerate(_jobs.read(body).jobs)]
    _check_names(body.get("matrix"))
    read = _matrix.read(body)
    return list(_expanded(read.template, read.matrix))


def check_bounds(submissions: Sequence[Submission]) -> None:
    """Refuse a batch that asks for too much as a whole.

    Raises:
        Problem: 422.
    """
    if sum(pixel_steps(submission.input) for submission in submissions) > COST_LIMIT:
        most = f"asks for more than {SIZE_LIMIT} images of 1024x1024 at 28 steps"
        raise invalid("", f"{most}; ask for fewer or smaller ones")
    if sum(len(submission.images) for submission in submissions) > IMAGES_LIMIT:
        raise invalid("", f"has more than {IMAGES_LIMIT} images in all of its jobs; split it into several batches")


def _check_names(matrix: object) -> None:
    """Refuse what a matrix cannot vary; unlike a schema, with a place for each name."""
    allowed = f"must be one of {', '.join(_FIELDS)}, or input. and a name"
    unknown = [
        (f"/matrix/{escape(name)}", allowed)
        for name in (matrix if isinstance(matrix, dict) else {})
        if name not in _FIELDS and name.removeprefix("input.") in {"", name}
    ]
    if unknown:
        raise invalid_all(unknown[:FAULTS_LIMIT])


def _expanded(template: Json, matrix: dict[str, list[Any]]) -> Iterator[Member]:
    axes = [
        [(name.split(".", 1), f"/matrix/{escape(name)}/{index}", value) for index, value in enumerate(values)]
        for name, values in matrix.items()
    ]
    size = prod(map(len, axes))
    if size > SIZE_LIMIT:
        raise invalid("/matrix", f"makes {size} jobs; at most {SIZE_LIMIT} are allowed")
    given = template.get("input", {})
    if not isinstance(given, dict):
        raise invalid("/template/input", "must be an object")
    # As a list of jobs it could not be sent either.
    check_amount(msgspec.json.encode(template), PICTURE_BODY, times=size)
    for combination in itertools.product(*axes):
        body = {**template, "input": dict(given)}
        places = {}
        for path, place, value in combination:
            (body if len(path) == 1 else body["input"])[path[-1]] = value
            places["".join(f"/{escape(part)}" for part in path)] = place
        yield Member(body, {**places, "": "/template"})


class BatchJob(Resource, frozen=True, kw_only=True):
    """A job of a batch."""

    id: Annotated[JobId, about("Its id.", example=examples.JOB)]
    status: Annotated[Status, about("Its state.", example="running")]
    url: Annotated[Url, about("The job.", example=examples.JOB_URL)]


class BatchUrls(Resource, frozen=True, kw_only=True):
    """Addresses of a batch."""

    self_: Annotated[Url, about("The batch itself.", example=examples.BATCH_URL)] = msgspec.field(name="self")
    jobs: Annotated[
        Url,
        about(
            "The list of its jobs, as any list of jobs.", example=f"{examples.SERVER}/v1/jobs?batch={examples.BATCH}"
        ),
    ]
    cancel: Annotated[Url, about("POST cancels each of its jobs.", example=f"{examples.BATCH_URL}/cancel")]


_COUNTS: Final[Json] = {
    "properties": {status.value: {"type": "integer", "minimum": 0} for status in Status},
    "required": [status.value for status in Status],
}


class BatchResource(Resource, frozen=True, kw_only=True):
    """Jobs that were submitted together. Deleted ones count with their last state."""

    id: Annotated[BatchId, about("Its id.", example=examples.BATCH)]
    object: Literal["batch"] = "batch"
    status: Annotated[
        Literal["active", "ended"], about("`ended`: none of its jobs will change any more.", example="active")
    ]
    created_at: Annotated[Time, about("When it was submitted.", example=examples.CREATED_AT)]
    total: Annotated[Count, about("The number of its jobs.", example=1)]
    counts: Annotated[
        dict[str, Any],
        about(
            "The number of its jobs in each state.",
            example={**dict.fromkeys(_COUNTS["required"], 0), "running": 1},
            **_COUNTS,
        ),
    ]
    progress: Annotated[Fraction, about("Of all jobs together.", example=0.5)]
    jobs: Annotated[list[BatchJob], about("Its jobs, in the order of the request.")]
    urls: BatchUrls


def batch_resource(state: BatchState, links: Links) -> BatchResource:
    """A batch as the API shows it."""
    batch = state.batch
    own = links.batch(batch.id)
    return BatchResource(
        id=batch.id,
        status="ended" if state.has_ended else "active",
        created_at=rfc3339(batch.created_at),
        total=len(batch.job_ids),
        counts={status.value: state.counts.get(status, 0) for status in Status},
        progress=state.progress,
        jobs=[BatchJob(id=job_id, status=status, url=links.job(job_id)) for job_id, status in state.states.items()],
        urls=BatchUrls(self_=own, jobs=f"{links.jobs()}?batch={batch.id}", cancel=f"{own}/cancel"),
    )
