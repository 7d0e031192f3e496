"""A job that a request of a dialect made or joined, and how a client is told which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response

from jobs.idempotency import Idempotency
from jobs.record.types import Accepted
from web.v1.idempotency import say_replayed


@dataclass(frozen=True, slots=True)
class Made:
    """A job that a request made or joined, and the marks of that request; None of one that only looks at it."""

    accepted: Accepted
    marks: Idempotency | None


def are_joined(made: Sequence[Made]) -> bool:
    """Whether an earlier sending of the request made all its jobs."""
    return all(each.accepted.replayed for each in made)


def say_joined(answer: Response, made: Sequence[Made]) -> Response:
    """Add the header that says: an earlier sending of the request made all its jobs."""
    return say_replayed(answer) if are_joined(made) else answer
