"""JSON Schemas of Structs: for the OpenAPI document, and to check request bodies against. Pure."""

from __future__ import annotations

import copy
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

Json = dict[str, Any]

_PREFIX: Final = "#/components/schemas/"
#: Classes whose component is called otherwise: ``JobResource`` is the component ``Job``.
_SUFFIX: Final = "Resource"


@cache
def schema_of(*types: type) -> tuple[tuple[Json, ...], dict[str, Json]]:
    """The schemas of types, and the components that they refer to, by name.

    A field with a default may be absent, but for one with a single possible value: that is always there. The values of
    an enumeration stand where it is used, in the order of their declaration.

    Returns:
        One schema for each type (for a Struct it is a reference), and the components, in the order of their first use.

    Raises:
        ValueError: Two components have the same name.
    """
    orders = {_set_of(values): values for kind in types for values in _enumerations(kind)}
    found, components = msgspec.json.schema_components(types, ref_template=f"{_PREFIX}{{name}}")
    tidy = _Tidy(components, orders)
    named = {_name(name): tidy.of(schema) for name, schema in components.items() if "enum" not in schema}
    several = [name for name, count in Counter(map(_name, components)).items() if count > 1]
    if several:
        # The document would describe one of them in the place of the other.
        raise ValueError(f"two resources have the name {several[0]}: rename one")
    return tuple(map(tidy.of, found)), named


def complete_schema(kind: type) -> Json:
    """The schema of a type together with all components that it refers to, as a validator takes it. A copy."""
    (schema,), components = schema_of(kind)
    return copy.deepcopy({**schema, "components": {"schemas": components}})


def example_of(schema: Json, components: Mapping[str, Json]) -> Any:  # noqa: ANN401 - any JSON
    """An example of what a schema describes; None where one cannot be told.

    It is the schema's own example, or is made of those of its parts. An object has one if all its required properties
    have; the others are in it if they have one.
    """
    if "$ref" in schema and "examples" not in schema:
        return example_of(components[schema["$ref"].removeprefix(_PREFIX)], components)
    if "examples" in schema:
        return schema["examples"][0]
    if "items" in schema:
        item = example_of(schema["items"], components)
        return None if item is None else [item]
    if "properties" in schema:
        parts = {name: example_of(part, components) for name, part in schema["properties"].items()}
        found = {name: example for name, example in parts.items() if example is not None}
        return found if found.keys() >= set(schema.get("required", ())) else None
    return schema.get("const")


class _Tidy:
    """Puts what msgspec makes into the document's form.

    Args:
        components: As msgspec made them.
        orders: The values of each enumeration in their declared order; msgspec sorts them.
    """

    def __init__(
        self, components: Mapping[str, Json], orders: Mapping[frozenset[tuple[type, Any]], tuple[Any, ...]]
    ) -> None:
        self._components = components
        self._orders = orders

    def of(self, schema: Json) -> Json:
        """One schema, without the titles, which say nothing but the name."""
        found = {name: self._part(name, value) for name, value in schema.items() if name != "title"}
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_PREFIX)
            if "enum" in self._components.get(name, {}):
                del found["$ref"]
                return found | self.of({"enum": self._components[name]["enum"]})
            found["$ref"] = _PREFIX + _name(name)
        elif "enum" in schema:
            values = self._orders.get(_set_of(schema["enum"]), schema["enum"])
            del found["enum"]
            found |= {"enum": list(values)} if len(values) > 1 else {"const": values[0]}
        elif "required" in schema:
            found["required"] = [
                name
                for name, part in found["properties"].items()
                if name in schema["required"]
                or (part.get("const") is not None and part.pop("default", None) is not None)
            ]
            if not found["required"]:
                del found["required"]
        return found

    def _part(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
        match name, value:
            case "description", str():
                return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(value))
            case "properties", dict():
                return {inner: self.of(part) for inner, part in value.items()}
            case (("items" | "additionalProperties" | "propertyNames"), dict()):
                return self.of(value)
            case "default", tuple():
                return list(value)
            case "anyOf", list():
                return [self.of(part) for part in value]
            case _:
                return value


def _name(component: str) -> str:
    return component.removesuffix(_SUFFIX)


def _set_of(values: Iterable[Any]) -> frozenset[tuple[type, Any]]:
    """The values of an enumeration in no order; for Python, 0 and False would be the same."""
    return frozenset((type(value), value) for value in values)


def _enumerations(kind: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - any type
    """The values of every enumeration that a type has in it, in the order of their declaration."""
    if get_origin(kind) is Literal:
        yield get_args(kind)
        return
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield tuple(member.value for member in kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for hint in get_type_hints(kind, include_extras=True).values():
            yield from _enumerations(hint)
    for part in (*get_args(kind), *getattr(kind, "__orig_bases__", ())):
        yield from _enumerations(part)
