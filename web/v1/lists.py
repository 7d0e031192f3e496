"""Lists of jobs, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Request, Response, request

from jobs.model import Status
from jobs.record.types import Record
from jobs.resources.base import BatchId, ListOf, Resource, Time
from jobs.resources.job import JobResource, job_resource
from jobs.scheduling.wait_reasons import Waiting
from web.http.auth import caller
from web.http.cursors import BadCursor
from web.http.operation import Answer, Operation, Parameter
from web.http.query import only, refuse, whole_number
from web.http.responses import json_response
from web.services import services
from web.v1.context import links
from web.v1.schemas.lists import METADATA, NAMES, Filters, filters

blueprint = Blueprint("lists", __name__)

Item = TypeVar("Item", bound=Resource)


class JobList(ListOf[JobResource], frozen=True, kw_only=True):
    """A part of the list of jobs, newest first."""


_LIMIT: Final = 100


#: Of every list.
LIMIT: Final = Parameter(
    name="limit",
    place="query",
    description="The maximum number of entries in one answer.",
    schema={"type": "integer", "minimum": 1, "maximum": _LIMIT, "default": 20},
)
_STATUS: Final = "|".join(Status)
CURSOR: Final = Parameter(name="cursor", place="query", description="`next_cursor` of the previous answer.")
#: Of every list of jobs.
PARAMETERS: Final = (
    LIMIT,
    CURSOR,
    Parameter(
        name="status",
        place="query",
        description="Only jobs with one of these statuses, separated by commas.",
        schema={"type": "string", "pattern": f"^({_STATUS})(,({_STATUS}))*$"},
        example="queued,running",
    ),
    Parameter(name="model", place="query", description="Only jobs that asked for this model."),
    Parameter(name="provider", place="query", description="Only jobs that ran, or will run, on this provider."),
    Parameter(name="batch", place="query", description="Only jobs of this batch.", schema=BatchId),
    Parameter(
        name="created_after",
        place="query",
        description="Only jobs that were submitted later than this.",
        schema=Time,
        example="2026-11-20T14:00:00Z",
    ),
    Parameter(
        name="created_before",
        place="query",
        description="Only jobs that were submitted earlier than this.",
        schema=Time,
        example="2026-11-20T15:00:00Z",
    ),
    Parameter(
        name="q",
        place="query",
        description="Only jobs whose prompt contains this text; case is ignored.",
        example="lighthouse",
    ),
    Parameter(
        name="metadata.user",
        place="query",
        description="Only jobs whose metadata `user` has this value. Any other name may follow the point.",
        example="discord-1234",
    ),
)


@blueprint.get("/jobs")
@Operation(
    "listJobs",
    "Jobs",
    "read",
    parameters=PARAMETERS,
    answers=(
        Answer(
            status=200,
            description="Your jobs, newest first.",
            content={"application/json": JobList},
            headers=("Link",),
        ),
    ),
    errors=("invalid_input",),
)
def list_jobs() -> Response:
    """List your jobs.

    If few of many jobs match, a part may have fewer jobs than `limit`, or none, and still a `next_cursor`.
    """
    owner, wanted, base = caller().owner, read_list(request), links()
    data, following = page_of(wanted, owner, owner, lambda record, waiting: job_resource(record, waiting, base))
    return listing(JobList(data=data, has_more=following is not None), following, wanted.parameters, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The query of a list of jobs."""

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


def page_of(
    wanted: Wanted, owner: str | None, reader: str, show: Callable[[Record, Waiting | None], Item]
) -> tuple[list[Item], str | None]:
    """A part of a list of jobs, and the place where the next part begins (None at the end).

    Args:
        wanted: The query.
        owner: The owner of the jobs; None: all owners.
        reader: The owner of its cursors.
        show: Makes the resource of a job.

    Raises:
        Problem: 422: the cursor is not one of this reader's.
    """
    found = services()
    page = found.store.page(
        owner,
        cursor=place_of(wanted.parameters, reader),
        limit=wanted.limit,
        keep=wanted.filters.keep,
        since=wanted.filters.since,
        until=wanted.filters.until,
    )
    places = found.views.places(record for record in page.records if record.job.status == "queued")
    data = [show(record, found.queue_estimates.waiting(record, places.get(record.job.id))) for record in page.records]
    return data, page.next_cursor


def listing(page: ListOf[Any], following: str | None, parameters: Mapping[str, str], reader: str) -> Response:
    """A part of any list, with its cursor and link to the next part.

    Args:
        page: The part.
        following: The place where the next part begins; None at the end.
        parameters: Of the request.
        reader: The owner of its cursor.
    """
    if following is None:
        return json_response(page)
    cursor = services().cursors.seal(reader, following)
    query = urlencode({**parameters, "cursor": cursor})
    link = f'<{links().base}{request.path}?{query}>; rel="next"'
    return json_response(msgspec.structs.replace(page, next_cursor=cursor), headers={"Link": link})


def place_of(parameters: Mapping[str, str], reader: str) -> str | None:
    """The place in a list where the answer begins; None: at the start.

    Raises:
        Problem: 422: the cursor is not one of this reader's.
    """
    cursor = parameters.get("cursor")
    try:
        return None if cursor is None else services().cursors.open(reader, cursor)
    except BadCursor:
        raise refuse("cursor", "is not a cursor of this list") from None
