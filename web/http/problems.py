"""What an error looks like: one table from exceptions to RFC 9457 problem documents.

The member ``error`` repeats the essence in the shape that OpenAI's SDK reads;
the standard members are what Replicate's SDK reads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from jobs.errors import (
    BatchNotFound,
    Contended,
    IllegalTransition,
    JobGone,
    JobNotFound,
    KeyReused,
    QuotaExceeded,
    StoreUnavailable,
    UploadNotFound,
    UploadsFull,
    WrongDatabase,
)
from jobs.files import ArtifactError, ArtifactNotFound
from providers.catalog import UnknownName
from web.http.headers import request_id
from web.times import rfc3339

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of error: HTTP status, title, and whether the same request may succeed later."""

    status: int
    title: str
    retryable: bool = False


#: Every ``code`` that an answer of the API may carry. A contract: clients switch on these.
KINDS: Final[Mapping[str, Kind]] = {
    "unauthenticated": Kind(401, "An API key is needed"),
    "forbidden": Kind(403, "This is not allowed"),
    "not_found": Kind(404, "There is no such thing"),
    "method_not_allowed": Kind(405, "This method is not allowed here"),
    "not_acceptable": Kind(406, "The answer does not exist in a form that you accept"),
    "too_slow": Kind(408, "The request took too long to arrive", retryable=True),
    "gone": Kind(410, "It is gone"),
    "precondition_failed": Kind(412, "The condition of the request does not hold"),
    "too_large": Kind(413, "The request is too large"),
    "unsupported_media": Kind(415, "The content type is not supported"),
    "range_not_satisfiable": Kind(416, "There is no such range"),
    "misdirected": Kind(421, "This server does not answer for this host"),
    "invalid_input": Kind(422, "The input is not valid"),
    "idempotency_key_reused": Kind(422, "The idempotency key was used for another request"),
    "rate_limited": Kind(429, "Too many requests", retryable=True),
    "quota_exceeded": Kind(429, "A limit of this key is reached", retryable=True),
    "internal": Kind(500, "Something went wrong on our side"),
    "model_unavailable": Kind(503, "No provider of this model takes jobs now", retryable=True),
    "store_unavailable": Kind(503, "The job store cannot be reached now", retryable=True),
    "storage_error": Kind(503, "Files cannot be stored now", retryable=True),
    "too_many_streams": Kind(503, "Too many event streams are open", retryable=True),
    "not_ready": Kind(503, "The service is not ready", retryable=True),
}

_BY_STATUS: Final = {kind.status: code for code, kind in reversed(list(KINDS.items()))}

#: How OpenAI's API calls the classes of errors.
_OPENAI_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Problem(Exception):
    """An answer that is an error.

    Args:
        code: A key of :data:`KINDS`.
        status: Another HTTP status than the kind's: 400 where a request cannot even be read.
        detail: What happened and what to do, for people; never a secret.
        errors: Single faults: ``(pointer, detail)`` with a JSON pointer into
            the body, or a query parameter as ``?name``.
        headers: Further headers.
        members: Further members of the document.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.code = code
        self.kind = KINDS[code]
        self.status = status or self.kind.status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members or {}
        super().__init__(f"{code}: {detail}")


def invalid(pointer: str, detail: str) -> Problem:
    """A 422 about one place of the request."""
    return invalid_all([(pointer, detail)])


def invalid_all(errors: Sequence[tuple[str, str]]) -> Problem:
    """A 422 about several places of the request."""
    pointer, detail = errors[0]
    return Problem("invalid_input", f"{pointer.removeprefix('?') or 'the body'} {detail}", errors=errors)


def problem_of(error: Exception) -> Problem:
    """The table: any exception as a problem."""
    match error:
        case Problem():
            return error
        case JobGone():
            return _gone(error)
        case (
            ArtifactNotFound() | BatchNotFound() | IllegalTransition() | JobNotFound() | KeyReused() | UploadNotFound()
        ):
            return Problem(*_PLAIN[type(error)])
        case QuotaExceeded():
            return _exceeded(error)
        case UploadsFull():
            return Problem("quota_exceeded", f"{error}: delete some, or wait until they are kept no longer.")
        case UnknownName():
            return Problem("not_found", f"{error}.")
        case StoreUnavailable() | redis.ConnectionError() | redis.TimeoutError() | Contended():
            return _away(error)
        case ArtifactError():
            return Problem("storage_error", "The file could not be stored; try again.", headers={"Retry-After": "30"})
        case HTTPException():
            return _http(error)
        case _:
            return Problem("internal", "The error was logged; the request id says where.")


_LOST: Final = (
    "The service has lost its database, or is new and not set up yet. Nothing was changed, and no job is known or taken"
    " until its operator has looked (/readyz says more)."
)
#: Errors that always mean the same.
_PLAIN: Final[Mapping[type[Exception], tuple[str, str]]] = {
    JobNotFound: ("not_found", "There is no job with this id."),
    BatchNotFound: ("not_found", "There is no batch with this id."),
    UploadNotFound: ("not_found", "There is no file with this id."),
    ArtifactNotFound: ("gone", "The file is no longer kept."),
    IllegalTransition: ("store_unavailable", "The job changed at this very moment; try again."),
    KeyReused: ("idempotency_key_reused", "Use a new Idempotency-Key for each new request."),
}


def _away(error: Exception) -> Problem:
    if isinstance(error, WrongDatabase):
        return Problem("store_unavailable", _LOST, headers={"Retry-After": "30"})
    return Problem("store_unavailable", "Nothing was changed; try again.", headers={"Retry-After": "2"})


def _gone(error: JobGone) -> Problem:
    stone = error.tombstone
    why = "was deleted" if stone.reason == "deleted" else "was kept as long as was asked for"
    members = {
        "id": stone.id,
        "job_status": stone.status,
        "reason": stone.reason,
        "finished_at": rfc3339(stone.finished_at),
        "deleted_at": rfc3339(stone.deleted_at),
    }
    return Problem("gone", f"The job ended as {stone.status} and {why}.", members=members)


def _exceeded(error: QuotaExceeded) -> Problem:
    whose = "this end user of your key" if error.limit == "user_queued" else "your key"
    detail = f"At most {error.most} jobs of {whose} may wait; nothing was accepted. Come again when some have run."
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
    404: "There is nothing at this address; /openapi.json lists what there is.",
    405: "The header Allow says which methods there are.",
    412: "The file is not the one that If-Match or If-Unmodified-Since names.",
    413: "The body is larger than this address takes.",
}


def document(problem: Problem) -> dict[str, Any]:
    """The body of the answer."""
    kind = problem.kind
    body: dict[str, Any] = {
        "type": f"urn:darkroom:problem:{problem.code}",
        "title": kind.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path[:200],
        "code": problem.code,
        "retryable": kind.retryable,
        "request_id": request_id(request.environ),
        **problem.members,
    }
    if problem.errors:
        body["errors"] = [
            {"parameter": place[1:], "detail": detail}
            if place.startswith("?")
            else {"pointer": place, "detail": detail}
            for place, detail in problem.errors
        ]
    other = "server_error" if problem.status >= _SERVER_FAULT else "invalid_request_error"
    body["error"] = {
        "message": problem.detail,
        "type": _OPENAI_TYPES.get(problem.status, other),
        "param": problem.errors[0][0].lstrip("/?").replace("/", ".") if problem.errors else None,
        "code": problem.code,
    }
    return body


def respond(error: Exception) -> Response:
    """The answer for an exception."""
    problem = problem_of(error)
    if problem.code == "internal":
        log.error("a request failed", exc_info=error, extra={"path": request.path})
    response = Response(msgspec.json.encode(document(problem)), problem.status, mimetype="application/problem+json")
    response.headers.update(problem.headers)
    return response


def register(app: Flask) -> None:
    """Let every error of the application be a problem document."""
    app.register_error_handler(Exception, respond)
