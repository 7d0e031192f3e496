"""Request bodies: each is declared once, as a Struct, and checked whole, so that one answer names every fault."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final, Generic, TypeVar

import msgspec
from flask import Request
from msgspec import UnsetType

from providers.inputs.faults import FAULTS_LIMIT, Checker, Schema
from web.http.json_body import SMALL_BODY, read_json, read_optional_json
from web.http.problems import invalid_all
from web.openapi.schemas import schema_of

#: The pattern of a text in one line that can be shown.
NO_CONTROLS: Final = "^[^\\x00-\\x1f\\x7f]*$"

Body = TypeVar("Body", bound="RequestBody")
Value = TypeVar("Value")


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the request bodies. A field that is UNSET was not given."""


class BodyReader(Generic[Body]):
    """Reads the bodies of a route, and tells the OpenAPI document what they may be.

    Args:
        name: Of its component; the Struct's by default.
        words: What to say of a fault; see :class:`providers.inputs.faults.Checker`.
        extra: What the schema says of the body as a whole, such as ``minProperties``.
        elsewhere: Components that the schema only names, since their values are checked one by one.
        optional: Whether a request may leave it out, which means an empty object.
    """

    def __init__(
        self,
        kind: type[Body],
        *,
        name: str | None = None,
        words: Mapping[str, str] | None = None,
        extra: Schema | None = None,
        elsewhere: Mapping[str, Schema] | None = None,
        examples: Mapping[str, Schema] | None = None,
        optional: bool = False,
    ) -> None:
        self.optional = optional
        self.name = name or kind.__name__
        self.examples = examples or {}
        components = dict(schema_of(kind)[1])
        own = {**components.pop(kind.__name__), **(extra or {})}
        self.components: Mapping[str, Schema] = {self.name: own, **components}
        named = {"schemas": {**self.components, **(elsewhere or {})}}
        self._checker = Checker({"$ref": f"#/components/schemas/{self.name}", "components": named}, words)
        self._kind = kind

    def of(self, request: Request) -> Body:
        """The body of a request that sends no images.

        Raises:
            Problem: As :func:`web.http.json_body.read_json` and :meth:`read`.
        """
        return self.read((read_optional_json if self.optional else read_json)(request, SMALL_BODY))

    def read(self, value: object) -> Body:
        """A decoded body that fits; nothing is coerced, nothing ignored.

        Raises:
            Problem: 422 with every fault, :data:`FAULTS_LIMIT` at most.
        """
        faults = dict.fromkeys(islice(self._checker.faults(value), FAULTS_LIMIT))
        if faults:
            raise invalid_all([(fault.pointer, fault.detail) for fault in faults])
        return msgspec.convert(value, self._kind)


def or_none(value: Value | UnsetType) -> Value | None:
    """A field's value; None if it was not given."""
    return None if isinstance(value, UnsetType) else value
