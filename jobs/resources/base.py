"""What all resources share: their base class, lists of them, the types of their fields, and their addresses."""

from __future__ import annotations

import time
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs import ids

Value = TypeVar("Value")
Item = TypeVar("Item")

#: Unix seconds.
UnixTime = Annotated[int, Meta(ge=0)]
#: RFC 3339 in UTC.
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Count = Annotated[int, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
JobId = Annotated[str, Meta(pattern=f"^{ids.JOB}$")]
BatchId = Annotated[str, Meta(pattern=f"^{ids.BATCH}$")]
FileId = Annotated[str, Meta(pattern=f"^{ids.FILE}$")]
KeyId = Annotated[str, Meta(pattern=f"^{ids.KEY}$")]
DeliveryId = Annotated[str, Meta(pattern=f"^{ids.DELIVERY}$")]


def about(description: str, *, example: object = None, **schema: object) -> Meta:
    """What the OpenAPI document says of a field; ``schema`` has the keywords that its type does not give."""
    return Meta(
        description=description, examples=None if example is None else [example], extra_json_schema=schema or None
    )


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the resources.

    A field that is UNSET is absent from the JSON. A field with any other default is a constant, and always there.
    """


class ListOf(Resource, Generic[Item], frozen=True, kw_only=True):
    """A part of a list."""

    object: Literal["list"] = "list"
    data: Annotated[list[Item], about("This part of the list.")]
    has_more: Annotated[bool, about("Whether there is more.", example=False)]
    next_cursor: Annotated[str | UnsetType, about("The `cursor` of the next part.")] = UNSET


def rfc3339(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds: ``2026-11-20T14:05:03.250Z``."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    moment = time.gmtime(whole)
    return (
        f"{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"
        f"T{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}.{milliseconds:03d}Z"
    )


def optional(value: Value | None) -> Value | UnsetType:
    """A value as an optional field takes it: UNSET for None."""
    return UNSET if value is None else value


def optional_time(seconds: float | None) -> str | UnsetType:
    """Unix seconds in RFC 3339 as an optional field takes them: UNSET for None."""
    return UNSET if seconds is None else rfc3339(seconds)


def job_path(job_id: str, *rest: str) -> str:
    """The path of a job, or of a resource below it."""
    return "/".join(("/v1/jobs", job_id, *rest))


class Links:
    """Addresses of resources; ``base`` is scheme and host without a slash at its end, or empty for the paths alone."""

    def __init__(self, base: str) -> None:
        self.base = base

    def jobs(self) -> str:
        """The list of jobs."""
        return f"{self.base}/v1/jobs"

    def job(self, job_id: str, *rest: str) -> str:
        """The job, or a resource below it."""
        return self.base + job_path(job_id, *rest)

    def batch(self, batch_id: str, *rest: str) -> str:
        """The batch, or a resource below it."""
        return "/".join((f"{self.base}/v1/batches", batch_id, *rest))

    def file(self, file_id: str, *rest: str) -> str:
        """An upload, or a resource below it."""
        return "/".join((f"{self.base}/v1/files", file_id, *rest))

    def key(self, key_id: str) -> str:
        """An API key, for admins."""
        return f"{self.base}/v1/admin/keys/{key_id}"
