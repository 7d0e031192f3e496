"""An answer that is an error, as views and what they call raise it; :mod:`web.http.error_responses` makes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from web.http.problem_kinds import KINDS


class Problem(Exception):
    """An answer that is an error.

    Args:
        code: A key of :data:`web.http.problem_kinds.KINDS`.
        status: Another HTTP status than the kind's: 400 where a request cannot even be read.
        detail: What happened and what to do, for people; never a secret.
        errors: Single faults: ``(pointer, detail)`` with a JSON pointer into
            the body, or a query parameter as ``?name``.
        headers: Further headers.
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
