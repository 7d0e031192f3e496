"""A request for a link, how long one can be good, and a link as the API shows it. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from jobs.model import Job
from jobs.resources import examples
from jobs.resources.base import Resource, Time, Url, about
from web.http.validation import BodyReader, RequestBody

#: Seconds that a link is good by default, and at most.
USUAL_SECONDS: Final = 3600
LONGEST_SECONDS: Final = 7 * 86_400


class LinkWish(RequestBody, frozen=True, kw_only=True):
    """A request for a link."""

    expires_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=LONGEST_SECONDS,
            description="How long the link is good; never longer than the job is kept.",
        ),
    ] = USUAL_SECONDS


LINK_WISH: Final = BodyReader(
    LinkWish, examples={"day": {"summary": "For a day", "value": {"expires_seconds": 86_400}}}
)


def until(seconds: float, job: Job, now: float) -> int:
    """When a link to something of a job ends, in Unix seconds.

    Args:
        seconds: How long it is wanted.
        job: The job.
        now: By the store's clock.
    """
    ends = now + seconds
    return int(ends if job.expires_at is None else min(ends, job.expires_at))


class LinkResource(Resource, frozen=True, kw_only=True):
    """An address that works without a key, for a while."""

    object: Literal["link"] = "link"
    url: Annotated[
        Url,
        about(
            "The address, with its signature.",
            example=f"{examples.JOB_URL}/image?sig=WyJsb2NhbCIsIi92MS9qb2JzLy4uLiJd.Q1c",
        ),
    ]
    expires_at: Annotated[Time, about("When it stops working.", example="2026-11-20T15:50:18.000Z")]
