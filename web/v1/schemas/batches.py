"""A request for a batch: what its body may be, and which jobs it means. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import msgspec

from jobs.batches import SIZE_LIMIT, Standing
from jobs.model import Status
from jobs.service import Submission
from jobs.times import rfc3339
from providers.inputs.faults import escape
from providers.inputs.normalise import pixel_steps
from web.http.json_body import PICTURE_BODY, check_amount
from web.http.problems import Problem, invalid, invalid_all
from web.schemas import Json, Links

#: Fields of a job that a matrix may vary, besides ``input.…``.
_FIELDS: Final = ("model", "provider", "priority")
_PROBLEMS_LIMIT: Final = 20
#: Most pixels x steps of all jobs together.
COST_LIMIT: Final = SIZE_LIMIT * 1024 * 1024 * 28
#: Most pictures that its jobs keep, together: each job keeps its own, and each is a file that has to reach the disk.
PICTURES_LIMIT: Final = 1000
_LIST: Final[Json] = {"type": "array", "minItems": 1, "maxItems": SIZE_LIMIT}

#: The body of ``POST /v1/batches``.
SCHEMA: Final[Json] = {
    "oneOf": [
        {
            "type": "object",
            "properties": {"jobs": {**_LIST, "items": {"$ref": "#/components/schemas/Submission"}}},
            "required": ["jobs"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "template": {"type": "object", "description": "A submission, but for what the matrix fills in."},
                "matrix": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": r"^(model|provider|priority|input\..+)$"},
                    "additionalProperties": _LIST,
                    "description": "Values for `model`, `provider`, `priority` or `input.<name>`; every combination"
                    " is a job, the last name varies fastest.",
                },
            },
            "required": ["template", "matrix"],
            "additionalProperties": False,
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Member:
    """The body of one job, and where in the request its parts stand."""

    body: Any
    place: str
    #: Pointers into ``body`` that came from elsewhere.
    moved: dict[str, str] = field(default_factory=dict)

    def locate(self, pointer: str) -> str:
        """The pointer into the request, for one into the job's body."""
        for inner, outer in self.moved.items():
            if pointer == inner or pointer.startswith(f"{inner}/"):
                return outer + pointer.removeprefix(inner)
        return self.place + pointer


def parse_batch(body: object, parse: Callable[[object], Submission]) -> tuple[Submission, ...]:
    """Check a body and make it submissions; all are checked before any is accepted.

    Args:
        body: As decoded by :mod:`web.http.json_body`.
        parse: Checks one job.

    Raises:
        Problem: 422 with every fault found, each at its place in the request; or as ``parse`` raises.
    """
    found: list[Submission] = []
    faults: dict[tuple[str, str], None] = {}
    for member in members(body):
        try:
            found.append(parse(member.body))
        except Problem as problem:
            located = [(member.locate(pointer), detail) for pointer, detail in problem.errors]
            if problem.code != "invalid_input":
                raise Problem(problem.code, problem.detail, errors=located, headers=problem.headers) from None
            faults |= dict.fromkeys(located)
    if faults:
        raise invalid_all(list(faults)[:_PROBLEMS_LIMIT])
    if sum(pixel_steps(submission.input) for submission in found) > COST_LIMIT:
        raise invalid(
            "", f"asks for more than {SIZE_LIMIT} pictures of 1024x1024 at 28 steps; take fewer or smaller ones"
        )
    if sum(len(submission.pictures) for submission in found) > PICTURES_LIMIT:
        raise invalid("", f"gives its jobs more than {PICTURES_LIMIT} pictures in all; make several batches of it")
    return tuple(found)


def members(body: object) -> Sequence[Member]:
    """The jobs that a body means.

    Raises:
        Problem: 422: it is no batch.
    """
    if not isinstance(body, dict):
        raise invalid("", "must be an object")
    unknown = [(f"/{escape(name)}", "is not known here; take it out") for name in body if name not in _PARTS]
    if unknown:
        raise invalid_all(unknown[:_PROBLEMS_LIMIT])
    if ("jobs" in body) == ("template" in body or "matrix" in body):
        raise invalid("", "must have either jobs, or template and matrix")
    if "jobs" in body:
        jobs = _list("/jobs", body["jobs"])
        return [Member(job, f"/jobs/{index}") for index, job in enumerate(jobs)]
    for name in ("template", "matrix"):
        if not isinstance(body.get(name), dict):
            raise invalid(f"/{name}", "must be an object" if name in body else "is missing")
    return list(_expanded(body["template"], body["matrix"]))


_PARTS: Final = frozenset({"jobs", "template", "matrix"})


def _expanded(template: Json, matrix: Json) -> Iterator[Member]:
    if not matrix:
        raise invalid("/matrix", "must not be empty")
    axes: list[list[tuple[tuple[str, ...], str, Any]]] = []
    for name, values in matrix.items():
        path: tuple[str, ...] = ("input", name.removeprefix("input.")) if name.startswith("input.") else (name,)
        if not path[-1] or (len(path) == 1 and name not in _FIELDS):
            raise invalid(f"/matrix/{escape(name)}", f"must be one of {', '.join(_FIELDS)}, or input. and a name")
        place = f"/matrix/{escape(name)}"
        axes.append([(path, f"{place}/{index}", value) for index, value in enumerate(_list(place, values))])
    if prod(map(len, axes)) > SIZE_LIMIT:
        raise invalid("/matrix", f"makes {prod(map(len, axes))} jobs; at most {SIZE_LIMIT} are taken")
    if not isinstance(template.get("input", {}), dict):
        raise invalid("/template/input", "must be an object")
    # As a list of jobs it could not be sent either.
    check_amount(msgspec.json.encode(template), PICTURE_BODY, times=prod(map(len, axes)))
    for combination in itertools.product(*axes):
        body = {**template, "input": dict(template.get("input", {}))}
        moved = {}
        for path, place, value in combination:
            target = body if len(path) == 1 else body["input"]
            target[path[-1]] = value
            moved["".join(f"/{escape(part)}" for part in path)] = place
        yield Member(body, "/template", moved)


def _list(place: str, values: object) -> list[Any]:
    if not isinstance(values, list) or not 0 < len(values) <= SIZE_LIMIT:
        raise invalid(place, f"must be a list of 1 to {SIZE_LIMIT} values")
    return values


def batch_json(standing: Standing, links: Links) -> Json:
    """A batch as the API shows it."""
    batch = standing.batch
    base = links.jobs().removesuffix("/jobs")
    own = f"{base}/batches/{batch.id}"
    return {
        "id": batch.id,
        "object": "batch",
        "status": "ended" if standing.has_ended else "active",
        "created_at": rfc3339(batch.created_at),
        "total": len(batch.job_ids),
        "counts": {status.value: standing.counts.get(status, 0) for status in Status},
        "progress": standing.progress,
        "jobs": [
            {"id": job_id, "status": status, "url": links.job(job_id)} for job_id, status in standing.states.items()
        ],
        "urls": {"self": own, "jobs": f"{links.jobs()}?batch={batch.id}", "cancel": f"{own}/cancel"},
    }
