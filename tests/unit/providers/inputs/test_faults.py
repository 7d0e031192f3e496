"""Faults against a JSON Schema, in words: the same for a request's body and for a model's input."""

from __future__ import annotations

from typing import Any

import pytest

from providers.inputs.faults import Checker, escape

SCHEMA: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]*$", "not": {"const": "no"}},
        "size": {"type": ["integer", "null"], "minimum": 1, "maximum": 9},
        "share": {"type": "number", "exclusiveMinimum": 0},
        "part": {"$ref": "#/$defs/Part"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
        "tags": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {"type": "string"}},
        "image": {"type": "string", "format": "picture"},
        "title": {"type": "string", "pattern": r"\S", "format": "visible"},
        "from": {"const": "created_at"},
        "most": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "none"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {
        "Part": {
            "type": "object",
            "properties": {"kind": {"enum": ["a", "b", None]}},
            "required": ["kind"],
            "additionalProperties": False,
        }
    },
}  # fmt: skip
CHECKER = Checker(SCHEMA, words={"not": "must be another one"})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], {"": "must be an object"}),
        ({}, {"/name": "is missing: give a text"}),
        ({"name": 1}, {"/name": "must be a text"}),
        ({"name": ""}, {"/name": "must not be empty"}),
        ({"name": "abcd"}, {"/name": "is longer than 3 characters; shorten it"}),
        ({"name": "A"}, {"/name": "holds characters that are not allowed"}),
        ({"name": "no"}, {"/name": "must be another one"}),
        ({"name": "x", "size": "1"}, {"/size": "must be a whole number from 1 to 9"}),
        ({"name": "x", "size": 0}, {"/size": "must be from 1 to 9"}),
        ({"name": "x", "share": 0}, {"/share": "must be more than 0"}),
        ({"name": "x", "part": {}}, {"/part/kind": "is missing: give one of a, b"}),
        ({"name": "x", "part": {"kind": 1}}, {"/part/kind": "must be one of a, b"}),
        ({"name": "x", "parts": []}, {"/parts": "must not be empty"}),
        ({"name": "x", "parts": [1, 2, 3]}, {"/parts": "has more than 2 entries"} | {f"/parts/{n}": "must be an object" for n in range(3)}),
        ({"name": "x", "parts": [{"kind": "a"}] * 2}, {"/parts": "names the same value twice"}),
        ({"name": "x", "tags": {"B": ""}}, {"/tags": "has a name that is empty, too long, or holds characters that are not allowed"}),
        ({"name": "x", "image": 1}, {"/image": "must be a text: a data: URI, an https address or a file id"}),
        ({"name": "x", "title": " "}, {"/title": "must not be empty"}),
        ({"name": "x", "from": "now"}, {"/from": "must be created_at"}),
        ({"name": "x", "most": 0}, {"/most": "must be a whole number of at least 1 or none"}),
        ({"name": "x", "part": {"kind": "a", "a/b": 1}}, {"/part/a~1b": "is not a known field; remove it, or use one of kind"}),
    ],
)  # fmt: skip
def test_each_fault_is_told_at_its_place(value: Any, told: dict[str, str]) -> None:
    assert {fault.pointer: fault.detail for fault in CHECKER.faults(value)} == told


def test_the_value_itself_is_never_repeated() -> None:
    faults = list(CHECKER.faults({"name": "S3CRET", "size": "S3CRET", "from": "S3CRET", "parts": "S3CRET"}))
    assert len(faults) >= 4
    assert "S3CRET" not in str(faults)


def test_a_long_name_is_cut_in_a_pointer() -> None:
    assert escape("k" * 1000) == "k" * 64
