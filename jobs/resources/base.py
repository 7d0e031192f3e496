"""What all resources share: their base class, lists of them, and the types of their fields."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from jobs import ids
from jobs.times import rfc3339

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
    """What the OpenAPI document says of a field.

    Args:
        description: What it means.
        example: Its value in the example of the resource; None if the example leaves it out.
        **schema: Keywords of its JSON Schema that its type does not give.
    """
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


def optional(value: Value | None) -> Value | UnsetType:
    """A value as an optional field takes it: UNSET for None."""
    return UNSET if value is None else value


def optional_time(seconds: float | None) -> str | UnsetType:
    """Unix seconds in RFC 3339 as an optional field takes them: UNSET for None."""
    return UNSET if seconds is None else rfc3339(seconds)
