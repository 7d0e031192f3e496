"""A job that a request of a dialect made or joined, and how a client is told which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response

from jobs.idempotency import Idempotency
from jobs.record.types import Accepted
from web.http.headers import REPLAYED


@dataclass(frozen=True, slots=True)
class Made:
    """A job that a request made or joined, and the marks of that request; None of one that only looks at it."""

    accepted: Accepted
    marks: Idempotency | None


def say_joined(answer: Response, made: Sequence[Made]) -> Response:
    """Add the header that says: an earlier sending of the request made all its jobs."""
    if all(each.accepted.replayed for each in made):
        answer.headers[REPLAYED] = "true"
    return answer
