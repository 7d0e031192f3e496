"""Request bodies: each is declared once, as a Struct, and checked whole, so that one answer names every fault."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UnsetType

from providers.inputs.faults import FAULTS_LIMIT, Checker, Schema
from web.http.problems import invalid_all
from web.openapi.schemas import complete_schema

Body = TypeVar("Body", bound="RequestBody")
Value = TypeVar("Value")


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the request bodies. A field that is UNSET was not given."""


class BodyReader(Generic[Body]):
    """Reads bodies of one kind.

    Args:
        kind: The body's Struct. Its JSON Schema is what the OpenAPI document has.
        words: What to say of a fault; see :class:`providers.inputs.faults.Checker`.
        elsewhere: Components that the schema only names, since their values are checked one by one.
    """

    def __init__(
        self, kind: type[Body], words: Mapping[str, str] | None = None, elsewhere: Mapping[str, Schema] | None = None
    ) -> None:
        schema = complete_schema(kind)
        components = {**schema["components"]["schemas"], **(elsewhere or {})}
        self._checker = Checker({**schema, "components": {"schemas": components}}, words)
        self._kind = kind

    def read(self, value: object) -> Body:
        """A body that fits; nothing is coerced, nothing ignored.

        Args:
            value: As decoded by :mod:`web.http.json_body`.

        Raises:
            Problem: 422 with every fault, :data:`FAULTS_LIMIT` at most.
        """
        return msgspec.convert(check(self._checker, value), self._kind)


def check(checker: Checker, value: object) -> Any:  # noqa: ANN401 - any JSON
    """A value that fits a schema.

    Raises:
        Problem: 422 with every fault, :data:`FAULTS_LIMIT` at most.
    """
    faults = dict.fromkeys(islice(checker.faults(value), FAULTS_LIMIT))
    if faults:
        raise invalid_all([(fault.pointer, fault.detail) for fault in faults])
    return value


def or_none(value: Value | UnsetType) -> Value | None:
    """A field's value; None if it was not given."""
    return None if isinstance(value, UnsetType) else value
