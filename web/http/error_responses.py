"""What an error looks like: one table from exceptions to RFC 9457 problem documents.

The member ``error`` repeats the essence in the shape that OpenAI's SDK reads;
the standard members are what Replicate's SDK reads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import redis
from flask import Flask, Response, current_app, request
from msgspec import UNSET, Meta, UnsetType
from werkzeug.exceptions import HTTPException

from jobs.errors import (
    BatchNotFound,
    Contended,
    IllegalTransition,
    JobGone,
    JobNotFound,
    KeyReused,
    QuotaExceeded,
    RateExceeded,
    StoreFull,
    StoreUnavailable,
    UploadNotFound,
    UploadsFull,
    WrongDatabase,
)
from jobs.files import ArtifactError, ArtifactNotFound
from jobs.model import Status
from jobs.resources.base import JobId, Resource, Time, about, rfc3339
from providers.errors import UnknownName
from web.http.headers import request_id
from web.http.operation import Operation, json_response, operation_of
from web.http.problems import KINDS, Problem

log = logging.getLogger(__name__)


_BY_STATUS: Final = {kind.status: code for code, kind in reversed(list(KINDS.items()))}

#: How OpenAI's API calls the classes of errors.
_OPENAI_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ProblemFault(Resource, frozen=True, kw_only=True):
    """One place of a request that is wrong."""

    pointer: Annotated[str | UnsetType, about("JSON pointer into the body (RFC 6901).", example="/input/width")] = UNSET
    parameter: Annotated[str | UnsetType, about("The name of a query parameter.")] = UNSET
    detail: Annotated[str, about("What is wrong with it.", example="must be at most 2048")]


class OpenAIError(Resource, frozen=True, kw_only=True):
    """The same error as OpenAI's SDK reads it."""

    message: Annotated[str, about("The same as `detail` of the problem.", example="/input/width must be at most 2048")]
    type: Annotated[str, about("The class of the error.", example="invalid_request_error")]
    param: Annotated[str | None, about("The first place that is wrong.", example="input.width")]
    code: Annotated[str, about("The same as `code` of the problem; for `job_failed`, why.", example="invalid_input")]


class ProblemResource(Resource, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: Annotated[str, about("A URN for the kind of error.", example="urn:darkroom:problem:invalid_input")]
    title: Annotated[str, about("The kind of error, for people.", example=KINDS["invalid_input"].title)]
    status: Annotated[int, Meta(ge=400, le=599, description="The HTTP status.", examples=[422])]
    detail: Annotated[str, about("What happened, and what to do.", example="/input/width must be at most 2048")]
    instance: Annotated[str, about("The path of the request.", example="/v1/jobs")]
    code: Annotated[str, about("Stable: a program can decide by it.", example="invalid_input", enum=list(KINDS))]
    retryable: Annotated[bool, about("Whether the same request may succeed later.", example=False)]
    request_id: Annotated[
        str, about("The id of the request; the log has it too.", example="01M7WPZNWEP4CHRCXW42VP97XB")
    ]
    id: Annotated[JobId | UnsetType, about("The job that was deleted, or did not succeed.")] = UNSET
    job_status: Annotated[Status | UnsetType, about("Its last status.")] = UNSET
    reason: Annotated[Literal["deleted", "expired"] | UnsetType, about("`expired`: its retention time is over.")] = (
        UNSET
    )
    finished_at: Annotated[Time | UnsetType, about("When that job ended.")] = UNSET
    deleted_at: Annotated[Time | UnsetType, about("When that job was deleted.")] = UNSET
    limit: Annotated[str | UnsetType, about("The limit that is reached; see `GET /v1/usage`.")] = UNSET
    checks: Annotated[
        dict[str, str] | UnsetType, about("What was looked at, and what was found: `ok`, or what is wrong.")
    ] = UNSET
    errors: Annotated[list[ProblemFault] | UnsetType, about("Every fault of the request.")] = UNSET
    error: OpenAIError


def problem_of(error: Exception) -> Problem:
    """The table: any exception as a problem."""
    match error:
        case Problem():
            return error
        case JobGone():
            return _gone(error)
        case (
            ArtifactNotFound()
            | BatchNotFound()
            | IllegalTransition()
            | JobNotFound()
            | KeyReused()
            | RateExceeded()
            | UploadNotFound()
        ):
            return Problem(*_PLAIN[type(error)])
        case QuotaExceeded():
            return _exceeded(error)
        case UploadsFull():
            return Problem("quota_exceeded", f"{error}; delete some, or wait until some expire.")
        case UnknownName():
            return Problem("not_found", f"{error}.")
        case StoreUnavailable() | redis.ConnectionError() | redis.TimeoutError() | Contended():
            return _away(error)
        case ArtifactError():
            return Problem("storage_error", "The file could not be stored; try again.", headers={"Retry-After": "30"})
        case HTTPException():
            return _http(error)
        case _:
            return Problem("internal", "The error was logged under the request id.")


_LOST: Final = (
    "The service has lost its database, or is new and not set up yet. Nothing was changed. No job is known or accepted"
    " until the operator has repaired it; /readyz says more."
)
_FULL: Final = (
    "There is no room for anything new now. Nothing was changed; try again later. Jobs that were accepted go on, and can be"
    " read, canceled and deleted."
)
#: Errors that always mean the same.
_PLAIN: Final[Mapping[type[Exception], tuple[str, str]]] = {
    JobNotFound: ("not_found", "There is no job with this id."),
    BatchNotFound: ("not_found", "There is no batch with this id."),
    UploadNotFound: ("not_found", "There is no file with this id."),
    ArtifactNotFound: ("gone", "The file is no longer kept."),
    IllegalTransition: ("store_unavailable", "The job changed at the same moment; try again."),
    RateExceeded: ("rate_limited", "Your key sends too many requests; retry later."),
    KeyReused: ("idempotency_key_reused", "Use a new Idempotency-Key for each new request."),
}


def _away(error: Exception) -> Problem:
    if isinstance(error, WrongDatabase):
        return Problem("store_unavailable", _LOST, headers={"Retry-After": "30"})
    if isinstance(error, StoreFull):
        return Problem("store_unavailable", _FULL, headers={"Retry-After": "10"})
    return Problem("store_unavailable", "Nothing was changed; try again.", headers={"Retry-After": "2"})


def _gone(error: JobGone) -> Problem:
    stone = error.tombstone
    why = "it was deleted" if stone.reason == "deleted" else "its retention time is over"
    members = {
        "id": stone.id,
        "job_status": stone.status,
        "reason": stone.reason,
        "finished_at": rfc3339(stone.finished_at),
        "deleted_at": rfc3339(stone.deleted_at),
    }
    return Problem("gone", f"The job ended as {stone.status}; {why}.", members=members)


def _exceeded(error: QuotaExceeded) -> Problem:
    whose = "An end user of your key" if error.limit == "user_queued" else "Your key"
    detail = f"{whose} may have at most {error.most} queued jobs. Nothing was accepted; retry after some have finished."
    return Problem("quota_exceeded", detail, headers={"Retry-After": "5"}, members={"limit": error.limit})


def _http(error: HTTPException) -> Problem:
    """Flask's and Werkzeug's own errors."""
    status = error.code or 500
    code = _BY_STATUS.get(status, "invalid_input" if status < _SERVER_FAULT else "internal")
    headers = {}
    if valid := getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(sorted(valid))
    if length := getattr(error, "length", None):
        headers["Content-Range"] = f"bytes */{length}"
    return Problem(code, _DETAILS.get(status, KINDS[code].title + "."), status=status, headers=headers)


_SERVER_FAULT: Final = 500
_DETAILS: Final = {
    400: "The request cannot be read.",
    404: "There is no such route; /openapi.json lists all routes.",
    405: "The header Allow lists the methods of this route.",
    412: "The file is not the one that If-Match or If-Unmodified-Since names.",
    413: "The body is larger than this route accepts.",
}


def problem_resource(problem: Problem) -> ProblemResource:
    """An error as the answer to the current request shows it."""
    other = "server_error" if problem.status >= _SERVER_FAULT else "invalid_request_error"
    return ProblemResource(
        type=f"urn:darkroom:problem:{problem.code}",
        title=problem.kind.title,
        status=problem.status,
        detail=problem.detail,
        instance=request.path[:200],
        code=problem.code,
        retryable=problem.kind.retryable,
        request_id=request_id(request.environ),
        errors=[_fault(place, detail) for place, detail in problem.errors] or UNSET,
        error=OpenAIError(
            message=problem.detail,
            type=_OPENAI_TYPES.get(problem.status, other),
            param=problem.errors[0][0].lstrip("/?").replace("/", ".") if problem.errors else None,
            code=problem.code,
        ),
        **problem.members,
    )


def _fault(place: str, detail: str) -> ProblemFault:
    if place.startswith("?"):
        return ProblemFault(parameter=place[1:], detail=detail)
    return ProblemFault(pointer=place, detail=detail)


def respond(error: Exception) -> Response:
    """The answer for an exception."""
    problem = problem_of(error)
    if problem.code == "internal":
        log.error("a request failed", exc_info=error, extra={"path": request.path})
    if (declared := current_operation()) is not None and declared.refusal is not None:
        return declared.refusal(problem)
    return document_of(problem)


def current_operation() -> Operation | None:
    """The declaration of the route that answers the current request."""
    return operation_of(current_app.view_functions.get(request.endpoint or ""))


def document_of(problem: Problem) -> Response:
    """The problem document of an error."""
    return json_response(problem_resource(problem), problem.status, problem.headers, "application/problem+json")


def register(app: Flask) -> None:
    """Let every error of the application be a problem document."""
    app.register_error_handler(Exception, respond)
