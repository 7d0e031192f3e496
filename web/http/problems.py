"""An answer that is an error, as views and what they call raise it; :mod:`web.http.error_responses` makes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of error: what happened (``title``) and what the client can do, for people; whether to repeat the request."""

    status: int
    title: str
    advice: str
    retryable: bool = False


#: Every ``code`` that an answer of the API may carry. A contract: clients switch on these.
KINDS: Final[Mapping[str, Kind]] = {
    "unauthenticated": Kind(401, "An API key is needed", "Send `Authorization: Bearer <key>` with a valid key."),
    "forbidden": Kind(403, "This is not allowed", "Use a key with the scope that the route needs."),
    "not_found": Kind(404, "There is no such thing", "Check the address, the id and the key: it sees only its own."),
    "method_not_allowed": Kind(405, "This method is not allowed here", "Use a method that the header `Allow` names."),
    "not_acceptable": Kind(
        406, "The answer does not exist in a form that you accept", "Accept a content type that the route answers with."
    ),
    "too_slow": Kind(408, "The request took too long to arrive", "Send it again.", retryable=True),
    "gone": Kind(410, "It is gone", "Do not ask for it again."),
    "precondition_failed": Kind(412, "The condition of the request does not hold", "Fetch the whole file again."),
    "too_large": Kind(413, "The request is too large", "Send less; upload large images with `POST /v1/files`."),
    "unsupported_media": Kind(415, "The content type is not supported", "Send the content type that the route takes."),
    "range_not_satisfiable": Kind(416, "There is no such range", "`Content-Range` has the length of the file."),
    "misdirected": Kind(
        421, "This server does not answer for this host", "Use the address that the operator gave you."
    ),
    "invalid_input": Kind(422, "The input is not valid", "Correct each place that `errors` names."),
    "idempotency_key_reused": Kind(
        422, "The idempotency key was used for another request", "Use a new `Idempotency-Key` for each new request."
    ),
    "job_failed": Kind(
        424,
        "The job did not succeed",
        "`error.code` and `detail` say why, and `id` names the job. Change what it asks for.",
    ),
    "rate_limited": Kind(429, "Too many requests", "Wait as long as `Retry-After` says.", retryable=True),
    "quota_exceeded": Kind(
        429,
        "A limit of this key is reached",
        "`limit` names it. Wait until some jobs have ended, or ask the operator for more.",
        retryable=True,
    ),
    "internal": Kind(500, "Something went wrong on our side", "Give the operator the `request_id`: the log has it."),
    "model_unavailable": Kind(
        503, "No provider of this model takes jobs now", "Try again later, or ask for another model.", retryable=True
    ),
    "store_unavailable": Kind(
        503,
        "The job store cannot be reached now",
        "Try again after `Retry-After`: nothing was changed.",
        retryable=True,
    ),
    "storage_error": Kind(503, "Files cannot be stored now", "Try again after `Retry-After`.", retryable=True),
    "too_many_streams": Kind(503, "Too many event streams are open", "Poll the job instead.", retryable=True),
    "not_ready": Kind(503, "The service is not ready", "Wait; `checks` says what is missing.", retryable=True),
}


class Problem(Exception):
    """An answer that is an error.

    Args:
        code: A key of :data:`KINDS`.
        status: Another HTTP status than the kind's: 400 where a request cannot even be read.
        detail: What happened and what to do, for people; never a secret.
        errors: Single faults: ``(pointer, detail)`` with a JSON pointer into the body, or a query parameter as ``?name``.
        members: Further fields of :class:`web.http.error_responses.ProblemResource`.
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

    def relocated(self, places: Mapping[str, str]) -> Problem:
        """The same problem of a request in which the faulty parts stand elsewhere.

        Args:
            places: JSON pointers into that request, by the pointers that this problem knows; the first that is equal or
                leads to a fault counts, and what lies below it is kept. "" is the whole body.
        """
        errors = [(_relocated(pointer, places), detail) for pointer, detail in self.errors]
        if self.code == "invalid_input" and errors:
            return invalid_all(errors)
        return Problem(
            self.code, self.detail, status=self.status, errors=errors, headers=self.headers, members=self.members
        )


def _relocated(pointer: str, places: Mapping[str, str]) -> str:
    for inner, outer in places.items():
        if pointer == inner or pointer.startswith(f"{inner}/"):
            return outer + pointer.removeprefix(inner)
    return pointer


def invalid(pointer: str, detail: str) -> Problem:
    """A 422 about one place of the request."""
    return invalid_all([(pointer, detail)])


def invalid_all(errors: Sequence[tuple[str, str]]) -> Problem:
    """A 422 about several places of the request."""
    pointer, detail = errors[0]
    return Problem("invalid_input", f"{pointer.removeprefix('?') or 'the body'} {detail}", errors=errors)
