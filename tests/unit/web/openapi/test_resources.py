"""A resource is declared once: its field is in the answer, in the OpenAPI document and on the reference page."""

from __future__ import annotations

import functools
import re
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import pytest
from flask import Flask, Response
from msgspec import Meta

from docs.generate import offline_document
from jobs.resources.base import Resource
from providers.catalog import Catalog
from web.app import assemble
from web.http.operation import Operation, json_response, ok
from web.openapi.document import METHODS, document, resources, routes
from web.openapi.reference import markdown
from web.openapi.schemas import complete_schema, example_of, schema_of
from web.services import Services


@functools.cache
def published() -> tuple[Any, dict[str, str]]:
    """The components of the document, and the chapters of the page by their heading."""
    made = offline_document()
    return made["components"]["schemas"], chapters(made)


def chapters(made: Any) -> dict[str, str]:
    _, *parts = re.split(r"^## (.+)$", markdown(made), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture
def declared(services: Services) -> list[type]:
    return resources(route for route in routes(assemble(services)) if route.method in METHODS)


def structs(kinds: list[type]) -> dict[str, type]:
    """All Structs that these are made of, by the name of their component."""
    found = {}

    def look(kind: msgspec.inspect.Type | Any) -> None:
        if isinstance(kind, msgspec.inspect.StructType):
            found[kind.cls.__name__.removesuffix("Resource")] = kind.cls
        for name in ("type", "types", "item_type", "value_type", "fields"):
            inner = getattr(kind, name, ())
            for part in inner if isinstance(inner, tuple) else (inner,):
                look(part)

    for kind in msgspec.inspect.multi_type_info(kinds):
        look(kind)
    return found


def test_every_field_is_in_the_document_and_on_the_page(declared: list[type]) -> None:
    components, pages = published()
    found = structs(declared)
    assert {"Job", "Attempt", "File", "Problem", "Usage", "KeyList"} <= found.keys()
    for name, kind in found.items():
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        assert list(components[name]["properties"]) == fields, name
        assert [field for field in fields if f"| `{field}` |" not in pages[name]] == [], name


def test_every_resource_is_described_and_has_an_example_that_fits(declared: list[type]) -> None:
    for kind in declared:
        (reference,), components = schema_of(kind)
        example = example_of(reference, components)
        assert example is not None, kind
        jsonschema_rs.Draft202012Validator(complete_schema(kind)).validate(example)
    for name, kind in structs(declared).items():
        assert published()[0][name]["description"], kind


class LampResource(Resource, frozen=True, kw_only=True):
    """A lamp."""

    name: Annotated[str, Meta(examples=["red"])]


class DimmedLampResource(LampResource, frozen=True, kw_only=True):
    """A lamp with one field more."""

    brightness: Annotated[int, Meta(ge=0, le=100, description="In percent.", examples=[40])]


class SwitchResource(Resource, frozen=True, kw_only=True):
    """A switch that is off."""

    on: Literal[False] = False
    position: Literal[0] = 0


def test_no_and_zero_are_two_values() -> None:
    _, components = schema_of(SwitchResource)
    properties = components["Switch"]["properties"]
    assert (properties["on"], properties["position"]) == ({"const": False}, {"const": 0})
    assert [type(part["const"]) for part in properties.values()] == [bool, int]


def test_a_new_field_is_in_the_answer_the_document_and_the_page() -> None:
    app = Flask(__name__)

    @app.get("/lamp")
    @Operation("getLamp", "Jobs", None, answers=(ok("The lamp.", DimmedLampResource),))
    def lamp() -> Response:
        """Get the lamp."""
        return json_response(DimmedLampResource(name="red", brightness=40))

    made = document(app, Catalog.load(installed=[]))
    answer = made["paths"]["/lamp"]["get"]["responses"]["200"]["content"]["application/json"]

    assert app.test_client().get("/lamp").get_json() == {"name": "red", "brightness": 40} == answer["example"]
    assert answer["schema"] == {"$ref": "#/components/schemas/DimmedLamp"}
    assert made["components"]["schemas"]["DimmedLamp"]["properties"]["brightness"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "description": "In percent.",
        "examples": [40],
    }
    assert "| `brightness` | integer | always | In percent. |" in chapters(made)["DimmedLamp"]


def test_two_resources_of_one_name_are_refused() -> None:
    class Lamp(Resource, frozen=True, kw_only=True):
        """Another lamp."""

        name: str

    with pytest.raises(ValueError, match="two resources have the name Lamp"):
        schema_of(LampResource, Lamp)
