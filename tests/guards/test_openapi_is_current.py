"""The OpenAPI document is valid and complete."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from docs.generate import offline_document
from web.http.problems import KINDS


@pytest.fixture(scope="module")
def document() -> Any:
    return offline_document()


def test_the_document_is_valid_openapi(document: Any) -> None:
    validate(document)


def test_every_reference_leads_somewhere(document: Any) -> None:
    names = set(re.findall(r"'#/components/schemas/([^']+)'", repr(document)))
    assert names <= set(document["components"]["schemas"])


def test_every_operation_is_described(document: Any) -> None:
    operations = [found for methods in document["paths"].values() for found in methods.values()]
    assert len({found["operationId"] for found in operations}) == len(operations)
    for found in operations:
        assert found["summary"], found["operationId"]
        assert all(answer["description"] for answer in found["responses"].values())
        assert all(parameter["description"] for parameter in found.get("parameters", []))


def test_every_error_code_is_documented(document: Any) -> None:
    text = repr(document["paths"])
    for code in KINDS:
        # Flask's own answers, which no route gives on purpose, and limits that are not there yet.
        if code not in {"method_not_allowed", "not_acceptable", "rate_limited"}:
            assert f"`{code}`" in text, code


def test_the_examples_of_submissions_are_valid(document: Any) -> None:
    schemas = document["components"]["schemas"]
    validator = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/Submission", "components": {"schemas": schemas}}
    )
    body = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    for name, example in body["examples"].items():
        assert validator.is_valid(example["value"]), name
    assert not validator.is_valid({"model": "echo", "input": {"promt": "x"}})
