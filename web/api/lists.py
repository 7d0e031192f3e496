"""Lists of jobs, newest first: the caller's, and for admins everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Request, Response, request

from web.components import BATCH_ID, TIME
from web.cursors import BadCursor
from web.filters import METADATA, NAMES, Filters, filters
from web.operation import Answer, Parameter, operation
from web.query import only, refuse, whole_number
from web.reading import caller, links
from web.schemas import job_json
from web.services import services

blueprint = Blueprint("lists", __name__)

_LIMIT: Final = 100


#: Of every list of jobs.
PARAMETERS: Final = (
    Parameter(
        name="limit",
        place="query",
        description="Most jobs in one answer.",
        schema={"type": "integer", "minimum": 1, "maximum": _LIMIT, "default": 20},
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
    Parameter(name="batch", place="query", description="Only jobs of this batch.", schema=BATCH_ID),
    Parameter(
        name="created_after",
        place="query",
        description="Only jobs that were submitted later than this.",
        schema=TIME,
        example="2026-11-20T14:00:00Z",
    ),
    Parameter(
        name="created_before",
        place="query",
        description="Only jobs that were submitted earlier than this.",
        schema=TIME,
        example="2026-11-20T15:00:00Z",
    ),
    Parameter(
        name="q",
        place="query",
        description="Only jobs whose prompt has this text, in small or capital letters.",
        example="lighthouse",
    ),
    Parameter(
        name="metadata.user",
        place="query",
        description="Only jobs whose metadata have this text under `user`; so with any other name after the point.",
        example="discord-1234",
    ),
)


@blueprint.get("/jobs")
@operation(
    "listJobs",
    "Jobs",
    "read",
    parameters=PARAMETERS,
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
    """List your jobs.

    A part may hold fewer jobs than `limit`, or none, and still have a `next_cursor`, where few of many jobs fit.
    """
    owner = caller().owner
    return listed(read_list(request), owner, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request for a list of jobs asks for."""

    parameters: dict[str, str]
    filters: Filters
    limit: int


def read_list(asked: Request, *more: str) -> Wanted:
    """Read the query of a list of jobs.

    Args:
        asked: The request.
        *more: Parameters besides :data:`PARAMETERS`.

    Raises:
        Problem: 422: a parameter is unknown or malformed.
    """
    parameters = only(asked, "limit", "cursor", *NAMES, *more, prefix=METADATA)
    limit = whole_number(parameters, "limit", 20, 1, _LIMIT)
    return Wanted(parameters=parameters, filters=filters(parameters), limit=limit)


def listed(wanted: Wanted, owner: str | None, reader: str, *, show_owner: bool = False) -> Response:
    """A part of a list of jobs.

    Args:
        wanted: What was asked for.
        owner: Whose jobs; None is everybody's.
        reader: Whom its cursors are good for.
        show_owner: Whether to say whose each job is.

    Raises:
        Problem: 422: the cursor is none of this reader's.
    """
    found = services()
    page = found.jobs.page(
        owner,
        cursor=_place(reader, wanted.parameters.get("cursor")),
        limit=wanted.limit,
        keep=wanted.filters.keep,
        since=wanted.filters.since,
        until=wanted.filters.until,
    )
    places = found.views.places(record for record in page.records if record.job.status == "queued")
    data = [
        {
            **job_json(record, found.outlook.waiting(record, places.get(record.job.id)), links()),
            **({"owner": record.job.owner} if show_owner else {}),
        }
        for record in page.records
    ]
    body = {"object": "list", "data": data, "has_more": page.next_cursor is not None}
    answer = Response(mimetype="application/json")
    if page.next_cursor is not None:
        body["next_cursor"] = found.cursors.seal(reader, page.next_cursor)
        following = urlencode({**wanted.parameters, "cursor": body["next_cursor"]})
        answer.headers["Link"] = f'<{links().base}{request.path}?{following}>; rel="next"'
    answer.data = msgspec.json.encode(body)
    return answer


def _place(reader: str, cursor: str | None) -> str | None:
    try:
        return None if cursor is None else services().cursors.open(reader, cursor)
    except BadCursor:
        raise refuse("cursor", "is no cursor of this list") from None
