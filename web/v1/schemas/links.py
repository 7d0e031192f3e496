"""What may be asked of links, and how long one can be good. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from jobs.model import Job
from jobs.resources import examples
from jobs.resources.base import Resource, Time, Url
from providers.inputs.faults import Checker
from web.http.json_body import Json
from web.http.validation import check

#: Seconds that a link is good where nothing is said, and at most.
USUAL_SECONDS: Final = 3600
LONGEST_SECONDS: Final = 7 * 86_400

#: The body of ``POST …/link``.
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {
        "expires_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": LONGEST_SECONDS,
            "default": USUAL_SECONDS,
            "description": "How long the link is good; never longer than the job is kept.",
        }
    },
    "additionalProperties": False,
}

_validator: Final = Checker(SCHEMA)


def until(body: object, job: Job, now: float) -> int:
    """When a link to something of a job ends, in Unix seconds.

    Args:
        body: As decoded by :mod:`web.http.json_body`.
        job: The job.
        now: By the store's clock.

    Raises:
        Problem: 422: the body is not what it should be.
    """
    seconds = check(_validator, body).get("expires_seconds", USUAL_SECONDS)
    ends = now + seconds
    return int(ends if job.expires_at is None else min(ends, job.expires_at))


class LinkResource(Resource, frozen=True, kw_only=True):
    """An address that works without a key, for a while."""

    object: Literal["link"] = "link"
    url: Annotated[
        Url,
        Meta(examples=[f"{examples.JOB_URL}/image?sig=WyJsb2NhbCIsIi92MS9qb2JzLy4uLiJd.Q1c"]),
    ]
    expires_at: Annotated[Time, Meta(description="When it stops working.", examples=["2026-11-20T15:50:18.000Z"])]
