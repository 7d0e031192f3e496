"""What differs between a declaration and an app, by hand-made descriptions."""

from __future__ import annotations

from typing import Any

import pytest

from providers.discovery.drift import drift
from providers.gradio.driver import Call
from providers.spec import ModelSpec, Param, ParamType
from tests.unit.providers.discovery.test_declaration import app


def differences(component: str, props: dict[str, Any], param: Param, outputs: tuple[str, ...] = ("image",)) -> str:
    model = ModelSpec(name="m", params=(param,))
    call = Call(api_name="/infer", arguments={param.name: (param.name,)})
    return "; ".join(drift(model, call, app([(component, props)], list(outputs), [param.name])))


def of(kind: ParamType, **more: Any) -> Param:
    return Param(name="p", type=kind, **more)


@pytest.mark.parametrize(
    ("component", "props", "param"),
    [
        ("slider", {"minimum": 0, "maximum": 9, "step": 1}, of("integer", minimum=1, maximum=5, default=3)),
        ("number", {"value": 1}, of("integer")),
        ("slider", {"minimum": 0, "maximum": 9}, of("number")),
        ("dropdown", {"choices": [["a", "a"], ["b", "b"]]}, of("string", enum=("a",))),
        ("dropdown", {"choices": [["a", "a"]], "allow_custom_value": True}, of("string")),
        ("multimodaltextbox", {}, of("files")),
        ("multimodaltextbox", {}, of("string")),
        ("file", {}, of("image")),
        ("gallery", {}, of("image")),
        ("dataframe", {}, of("json")),
        ("oddity", {}, of("string")),
    ],
)
def test_what_still_fits_is_no_drift(component: str, props: dict[str, Any], param: Param) -> None:
    assert differences(component, props, param) == ""


@pytest.mark.parametrize(
    ("component", "props", "param", "words"),
    [
        ("slider", {"minimum": 2, "maximum": 9, "step": 1}, of("integer", minimum=1), "begins at 2 now, and 1 is declared"),
        ("slider", {"minimum": 0, "maximum": 9, "step": 1}, of("integer", maximum=50), "ends at 9 now, and 50 is declared"),
        ("slider", {"minimum": 0, "maximum": 9, "step": 1}, of("number"), "is of the type integer now, and number is declared"),
        ("textbox", {}, of("integer"), "is of the type string now"),
        ("audio", {}, of("image"), "is of the type audio now, and image is declared"),
        ("dropdown", {"choices": [["a", "a"]]}, of("string", enum=("a", "c")), "no longer takes 'c'"),
        ("radio", {"choices": [["a", "a"]]}, of("string"), "takes only 'a' now"),
    ],
)  # fmt: skip
def test_what_no_longer_fits_is_told(component: str, props: dict[str, Any], param: Param, words: str) -> None:
    assert words in differences(component, props, param)


def test_another_kind_of_result_is_told() -> None:
    assert "gives audio now, and image is declared" in differences("textbox", {}, of("string"), ("audio",))
    for outputs in (("html",), ("file",), ("number", "gallery")):
        assert differences("textbox", {}, of("string"), outputs) == ""


def test_a_new_name_is_guessed_for_people() -> None:
    description = app([("textbox", {}), ("number", {"value": 4})], ["image"], ["prompt", "num_inference_steps"], "run")
    model = ModelSpec(name="m", params=(Param(name="prompt"), Param(name="steps", type="integer")))
    arguments = {"prompt": ("prompt",), "steps": ("steps", "step_count")}
    found = drift(model, Call(api_name="/run", arguments=arguments), description)
    assert found == ("/run no longer has the parameter 'steps'; it may be 'num_inference_steps' now",)
    (gone,) = drift(model, Call(api_name="/infer", arguments=arguments), description)
    assert gone == "the function /infer is gone; there are /run"


def test_an_order_of_another_length_is_told() -> None:
    description = app([("textbox", {"label": "a"}), ("number", {"label": "b"})], ["image"])
    call = Call(api_name="/infer", arguments={"prompt": ("x",)}, order=("x", "y", "z"))
    found = drift(ModelSpec(name="m", params=(Param(name="prompt"),)), call, description)
    assert found == ("/infer has 2 inputs, and order names 3",)
