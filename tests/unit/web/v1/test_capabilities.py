"""What a model is good for, in the words of model hubs: by what goes in and what comes out."""

from __future__ import annotations

import pytest

from providers.catalog import Model
from providers.spec import ModelSpec, Param
from web.v1.schemas.catalog import model_resource


@pytest.mark.parametrize(
    ("kind", "params", "history", "capabilities"),
    [
        ("image", {"prompt": "string"}, False, ["text-to-image"]),
        ("image", {"prompt": "string", "picture": "images"}, False, ["text-to-image", "image-to-image"]),
        ("image", {"picture": "image"}, False, ["image-to-image"]),
        ("video", {"prompt": "string", "first": "image"}, False, ["text-to-video", "image-to-video"]),
        ("audio", {"prompt": "string"}, False, ["text-to-audio"]),
        ("model", {"image": "image"}, False, ["image-to-3d"]),
        ("text", {"prompt": "string", "sound": "audio"}, True, ["audio-to-text", "chat"]),
        ("file", {"prompt": "string"}, False, []),
    ],
)
def test_capabilities_are_of_inputs_and_kind(
    kind: str, params: dict[str, str], *, history: bool, capabilities: list[str]
) -> None:
    declared = tuple(Param(name=name, type=type_) for name, type_ in params.items())  # type: ignore[arg-type]
    spec = ModelSpec(name="mine", kind=kind, params=declared, history=history)
    assert model_resource(Model(name="mine", spec=spec, providers=("here",))).capabilities == capabilities


def test_a_model_has_what_clients_of_openai_read() -> None:
    draws = ModelSpec(name="draws")
    looks = ModelSpec(name="looks", kind="text", vision=True)
    found = [model_resource(Model(name=spec.name, spec=spec, providers=("first", "second"))) for spec in (draws, looks)]
    assert [(one.image, one.vision, one.owned_by, one.created) for one in found] == [
        (True, False, "first", 0),
        (False, True, "first", 0),
    ]
