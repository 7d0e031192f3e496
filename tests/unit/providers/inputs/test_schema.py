"""The published schema says what the validation does."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

from providers.catalog import Catalog
from providers.drivers import blackforestlabs_flux1_dev as dev
from providers.inputs.schema import input_schema
from providers.inputs.validate import validate
from providers.spec import ModelSpec

MODELS = [model for spec in Catalog.load(installed=[]).specs() for model in spec.models]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_schema_is_valid_json_schema(model: ModelSpec) -> None:
    meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **input_schema(model)})


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "x"},
        {"prompt": "x", "width": None},
        {"messages": [{"role": "user", "content": "x"}]},
        {},
        {"prompt": " "},
        {"prompt": "x", "width": 0},
        {"prompt": "x", "nope": 1},
        {"prompt": "x", "aspect_ratio": "7:1"},
        {"prompt": "x", "aspect_ratio": None},
    ],
)
def test_schema_and_validation_agree(values: dict[str, Any]) -> None:
    assert Draft202012Validator(input_schema(dev.MODEL)).is_valid(values) == (validate(dev.MODEL, values) == [])


def test_defaults_and_descriptions_are_for_forms() -> None:
    width = input_schema(dev.MODEL)["properties"]["num_inference_steps"]
    assert width["default"] == 28
    assert (width["minimum"], width["maximum"]) == (1, 50)
    assert width["description"]
