"""Structs become schemas, components and examples."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

import jsonschema_rs
import msgspec
from msgspec import UNSET, Meta, UnsetType

from web.openapi.schemas import complete_schema, example_of, schema_of

Item = TypeVar("Item")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class WheelResource(msgspec.Struct, frozen=True, kw_only=True):
    """A wheel."""

    size: Annotated[int, Meta(ge=1, description="In inches.", examples=[28])]


class BicycleResource(msgspec.Struct, frozen=True, kw_only=True):
    """A bicycle.

    And a paragraph
    of two lines.
    """

    object: Literal["bicycle"] = "bicycle"
    colour: Annotated[Colour, Meta(description="Its colour.", examples=["red"])]
    front: Annotated[WheelResource, Meta(description="The first one.")]
    spare: Annotated[WheelResource, Meta(examples=[{"size": 20}])] | UnsetType = UNSET
    gear: Literal["low", "high", "first"] | UnsetType = UNSET
    extra: dict[str, Any]


class ListOf(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A list."""

    data: tuple[Item, ...]


class BicycleList(ListOf[BicycleResource], frozen=True, kw_only=True):
    """Bicycles."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request."""

    name: str
    count: Annotated[int, Meta(ge=1)] = 3


def test_a_struct_becomes_a_component() -> None:
    (reference,), components = schema_of(BicycleResource)

    assert reference == {"$ref": "#/components/schemas/Bicycle"}
    assert list(components) == ["Bicycle", "Wheel"]
    assert components["Bicycle"]["description"] == "A bicycle.\n\nAnd a paragraph of two lines."
    assert "title" not in components["Bicycle"]
    assert components["Bicycle"]["properties"]["front"] == {
        "$ref": "#/components/schemas/Wheel",
        "description": "The first one.",
    }


def test_enumerations_stand_in_their_place_and_order() -> None:
    properties = schema_of(BicycleList)[1]["Bicycle"]["properties"]

    assert properties["colour"] == {"enum": ["red", "blue"], "description": "Its colour.", "examples": ["red"]}
    assert properties["gear"] == {"enum": ["low", "high", "first"]}


def test_a_constant_is_always_there_and_a_default_need_not_be() -> None:
    components = schema_of(BicycleResource, Request)[1]

    assert components["Bicycle"]["properties"]["object"] == {"const": "bicycle"}
    assert components["Bicycle"]["required"] == ["object", "colour", "front", "extra"]
    assert components["Request"] == {
        "type": "object",
        "description": "A request.",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer", "minimum": 1, "default": 3}},
        "required": ["name"],
        "additionalProperties": False,
    }


def test_a_complete_schema_validates() -> None:
    validator = jsonschema_rs.Draft202012Validator(complete_schema(BicycleList))
    bicycle = BicycleResource(colour=Colour.RED, front=WheelResource(size=28), extra={})

    assert validator.is_valid(msgspec.to_builtins(BicycleList(data=(bicycle,))))
    assert not validator.is_valid(
        {"data": [{"object": "bicycle", "colour": "green", "front": {"size": 0}, "extra": {}}]}
    )


def test_an_example_is_made_of_the_parts_examples() -> None:
    (reference,), components = schema_of(BicycleResource)

    assert example_of(components["Wheel"], components) == {"size": 28}
    assert example_of(reference, components) is None, "a required field has none"
    assert example_of(components["Bicycle"]["properties"]["spare"], components) == {"size": 20}
