"""Lists of jobs, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, Request, Response, request

from jobs import ids
from jobs.model import Status
from jobs.record.lists.wanted import Wanted
from jobs.resources.base import BatchId, ListOf, Time
from jobs.resources.job import JobResource
from web.http.cursors import BadCursor
from web.http.operation import Operation, Parameter, json_response, ok, only, refuse, whole_number, words
from web.services import caller, links, services
from web.v1.job_documents import Seen

blueprint = Blueprint("lists", __name__)

Item = TypeVar("Item")


_LIMIT: Final = 100
_METADATA: Final = "metadata."
_NAMES: Final = ("status", "model", "provider", "batch", "created_after", "created_before", "q")

_BATCH: Final = re.compile(ids.BATCH)
# RFC 3339, section 5.6, without leap seconds; a "+" that was not escaped arrives as a blank.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)")

#: Of every list.
LIMIT: Final = Parameter(
    "limit",
    "query",
    "The maximum number of entries in one answer.",
    schema={"type": "integer", "minimum": 1, "maximum": _LIMIT, "default": 20},
)
_STATUS: Final = "|".join(Status)
CURSOR: Final = Parameter("cursor", "query", "`next_cursor` of the previous answer.")
#: Of every list of jobs.
PARAMETERS: Final = (
    LIMIT,
    CURSOR,
    Parameter(
        "status",
        "query",
        "Only jobs with one of these statuses, separated by commas.",
        schema={"type": "string", "pattern": f"^({_STATUS})(,({_STATUS}))*$"},
        example="queued,running",
    ),
    Parameter("model", "query", "Only jobs that asked for this model."),
    Parameter("provider", "query", "Only jobs that ran, or will run, on this provider."),
    Parameter("batch", "query", "Only jobs of this batch.", schema=BatchId),
    Parameter(
        "created_after",
        "query",
        "Only jobs that were submitted later than this.",
        schema=Time,
        example="2026-11-20T14:00:00Z",
    ),
    Parameter(
        "created_before",
        "query",
        "Only jobs that were submitted earlier than this.",
        schema=Time,
        example="2026-11-20T15:00:00Z",
    ),
    Parameter("q", "query", "Only jobs whose prompt contains this text; case is ignored.", example="lighthouse"),
    Parameter(
        "metadata.user",
        "query",
        "Only jobs whose metadata `user` has this value. Any other name may follow the point.",
        example="discord-1234",
    ),
)


class JobList(ListOf[JobResource], frozen=True, kw_only=True):
    """A part of the list of jobs, newest first."""


@blueprint.get("/jobs")
@Operation(
    "listJobs",
    "Jobs",
    "read",
    parameters=PARAMETERS,
    answers=(ok("Your jobs, newest first.", JobList, ("Link",)),),
    errors=("invalid_input",),
)
def list_jobs() -> Response:
    """List your jobs.

    If few of many jobs match, a part may have fewer jobs than `limit`, or none, and still a `next_cursor`.
    """
    owner, query, base, documents = caller().owner, read_list(request), links().base, services().documents
    data, following = page_of(query, owner, owner, lambda seen: msgspec.Raw(documents.of(seen, base).body))
    # A job in the list is the same bytes as the job alone.
    jobs = cast("list[JobResource]", data)
    return listing(JobList(data=jobs, has_more=following is not None), following, query.parameters, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The query of a list of jobs; ``since`` and ``until`` bound their creation in Unix seconds, exclusive."""

    parameters: dict[str, str]
    limit: int
    wanted: Wanted
    since: float | None
    until: float | None


def read_list(asked: Request, *more: str) -> ListQuery:
    """Read the query of a list of jobs, which may have ``more`` parameters than :data:`PARAMETERS`.

    Raises:
        Problem: 422: a parameter is unknown or malformed.
    """
    parameters = only(asked, "limit", "cursor", *_NAMES, *more, prefix=_METADATA)
    return ListQuery(
        parameters=parameters,
        limit=whole_number(parameters, "limit", 20, 1, _LIMIT),
        wanted=_wanted(parameters),
        since=moment(parameters, "created_after"),
        until=moment(parameters, "created_before"),
    )


def page_of(
    query: ListQuery, owner: str | None, reader: str, show: Callable[[Seen], Item]
) -> tuple[list[Item], str | None]:
    """A part of a list of jobs, and the place where the next part begins (None at the end).

    The jobs are those of one owner, or (None) of all; the cursors are the reader's.

    Raises:
        Problem: 422: the cursor is not one of this reader's.
    """
    found, batch = services(), query.wanted.batch
    part = found.pages.part(
        owner,
        cursor=place_of(query.parameters, reader),
        limit=query.limit,
        wanted=query.wanted,
        among=None if batch is None else found.batches.members(batch, owner),
        since=query.since,
        until=query.until,
    )
    looked = found.views.looks(part.ids)
    seen = (Seen(record, found.queue_estimates.waiting(record, place)) for record, place in looked)
    return list(map(show, seen)), part.next_cursor


def listing(page: ListOf[Any], following: str | None, parameters: Mapping[str, str], reader: str) -> Response:
    """A part of any list, with the reader's cursor and the link to the part that begins at ``following`` (None: no part)."""
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


def _wanted(parameters: dict[str, str]) -> Wanted:
    """Which jobs the list shows."""
    if "batch" in parameters and not _BATCH.fullmatch(parameters["batch"]):
        raise refuse("batch", "must be the id of a batch")
    return Wanted(
        statuses=words(parameters, "status", [*Status]),
        model=parameters.get("model"),
        provider=parameters.get("provider"),
        batch=parameters.get("batch"),
        metadata={
            name.removeprefix(_METADATA): value for name, value in parameters.items() if name.startswith(_METADATA)
        },
        text=parameters.get("q"),
    )


def moment(parameters: dict[str, str], name: str) -> float | None:
    """A time in Unix seconds; None if the parameter is not given.

    Raises:
        Problem: 422: it is no time in RFC 3339.
    """
    text = parameters.get(name)
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        day, clock, fraction, zone = match.groups()
        offset = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
        return datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise refuse(name, "must be a time such as 2026-11-20T14:05:03Z") from None
