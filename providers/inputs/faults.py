"""What is wrong with a JSON value, in words: the only place where faults against a JSON Schema are explained. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, ValidationError

Schema = dict[str, Any]

#: Most faults of one answer.
FAULTS_LIMIT: Final = 20
#: Most characters of a client's own word that an answer repeats.
ECHO_LIMIT: Final = 64

_TYPES: Final = {
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}
#: What a text of a format is, for the formats that say more than "a text".
_SOURCE: Final = "a text: a data: URI, an https address or a file id"
_FORMATS: Final = {"picture": _SOURCE, "file": _SOURCE}
_EMPTY: Final = "must not be empty"
_WORDS: Final[Mapping[str, str]] = {
    "minLength": _EMPTY,
    "minItems": _EMPTY,
    "minProperties": _EMPTY,
    "uniqueItems": "names the same value twice",
    "pattern": "holds characters that are not allowed",
    "propertyNames": "has a name that is empty, too long, or holds characters that are not allowed",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a value: its place (a JSON pointer) and what to do about it."""

    pointer: str
    detail: str


class Checker:
    """Checks values against a JSON Schema.

    Args:
        schema: JSON Schema 2020-12.
        words: What to say of a fault, by its keyword (such as ``not``), where the keyword alone does not tell.
    """

    def __init__(self, schema: Schema, words: Mapping[str, str] | None = None) -> None:
        self._schema = schema
        self._words = {**_WORDS, **(words or {})}
        self._validator = Draft202012Validator(schema)

    def faults(self, value: object) -> Iterator[Fault]:
        """Every fault of a value; none of them repeats the value, which may be a secret."""
        for error in self._validator.iter_errors(value):
            pointer = "".join(f"/{escape(step)}" for step in error.instance_path)
            yield from self._explain(pointer, error)

    def _explain(self, pointer: str, error: ValidationError) -> Iterator[Fault]:
        kind: Any = error.kind  # jsonschema-rs has one class for each kind, and types only their base
        schema = self._around(error)
        if kind.name == "additionalProperties":
            known = ", ".join(schema["properties"])
            for name in kind.unexpected:
                yield Fault(f"{pointer}/{escape(name)}", f"is not a known field; remove it, or use one of {known}")
        elif kind.name == "required":
            wanted = schema["properties"].get(kind.property, {})
            yield Fault(f"{pointer}/{escape(kind.property)}", f"is missing: give {self._kind(wanted)}")
        else:
            yield Fault(pointer, self._detail(kind, schema))

    def _around(self, error: ValidationError) -> Schema:
        """The schema that has the keyword which is not fulfilled; an empty one for a keyword of a name's schema."""
        found: Any = self._schema
        for step in error.schema_path[:-1]:
            found = found[step]
        return found if isinstance(found, dict) else {}

    def _detail(self, kind: Any, schema: Schema) -> str:  # noqa: ANN401 - see _explain
        match kind.name:
            case "type":
                return f"must be {self._kind(schema)}"
            case "enum":
                return f"must be one of {', '.join(str(value) for value in kind.options if value is not None)}"
            case "const":
                return f"must be {kind.expected_value}"
            case "minimum" | "maximum":
                return f"must be {_range(schema)}"
            case "anyOf":
                return f"must be {self._kind(schema)}"
            case "exclusiveMinimum":
                return f"must be more than {kind.limit}"
            case "maxLength":
                return f"is longer than {kind.limit} characters; shorten it"
            case "maxItems" | "maxProperties":
                return f"has more than {kind.limit} entries"
            case "pattern" if schema.get("format") == "visible":
                return _EMPTY
            case name:
                return self._words.get(name, "has the wrong shape")

    def _kind(self, schema: Schema) -> str:
        """What a value of a schema is. That an optional value may also be null is not worth a word."""
        if "$ref" in schema:
            return self._kind(self._resolved(schema["$ref"]))
        if "anyOf" in schema:
            return " or ".join(self._kind(part) for part in schema["anyOf"] if part.get("type") != "null")
        if "enum" in schema:
            return f"one of {', '.join(str(value) for value in schema['enum'] if value is not None)}"
        if "const" in schema:
            return str(schema["const"])
        if format_words := _FORMATS.get(schema.get("format", "")):
            return format_words
        types = schema.get("type", [])
        words = [_TYPES[name] for name in ([types] if isinstance(types, str) else types) if name in _TYPES]
        span = _range(schema)
        if span.startswith("at "):
            span = f"of {span}"
        return f"{' or '.join(words) or 'a value'} {span}".rstrip()

    def _resolved(self, reference: str) -> Schema:
        found: Any = self._schema
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return dict(found)


def escape(key: object) -> str:
    """A key as one step of a JSON pointer (RFC 6901), cut to a length that can be shown."""
    return str(key)[:ECHO_LIMIT].replace("~", "~0").replace("/", "~1")


def _range(schema: Schema) -> str:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is None:
        return "" if highest is None else f"at most {_plain(highest)}"
    return f"at least {_plain(lowest)}" if highest is None else f"from {_plain(lowest)} to {_plain(highest)}"


def _plain(number: Any) -> str:  # noqa: ANN401 - a number of a schema
    return str(int(number)) if number == int(number) else str(number)
