"""What the functions of an app look like, from what it tells and from how its driver calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers import ProviderConfig
from providers.base import Control
from providers.discovery.signature import Function, signature
from providers.drivers.space import driver as build
from providers.gradio.driver import GradioDriver


class Told(GradioDriver):
    """A driver whose app has told this."""

    told: tuple[object, object]

    def described(self, control: Control) -> tuple[object, object]:
        del control
        return self.told


def component(number: int, kind: str, label: str, **props: Any) -> dict[str, Any]:
    return {"id": number, "type": kind, "props": {"label": label, **props}}


CONFIG: dict[str, Any] = {
    "version": "5.0.0",
    "protocol": "sse_v3",
    "components": [
        component(1, "textbox", "Prompt"),
        component(2, "slider", "Seed", value=0, minimum=0, maximum=99, step=1),
        component(3, "dropdown", "Style", value="none", choices=[["None", "none"], ["Oil", "oil"]]),
        component(4, "image", "Result"),
        component(5, "state", ""),
        component(6, "slider", "Used seed"),
        component(7, "file", "All"),
        component(8, "image", "Start", value={"path": "/" + "x" * 20_000}),
        component(9, "textbox", "Untold"),
    ],
    "dependencies": [
        {
            "id": 4,
            "api_name": "paint",
            "inputs": [5, 1, 2, 3, 8],
            "outputs": [4, 5, 6, 7],
            "types": {"generator": True},
        },
        {"id": 5, "api_name": "other", "inputs": [9], "outputs": [4]},
    ],
}


def parameter(name: str, **more: Any) -> dict[str, Any]:
    default = {"parameter_has_default": True, "parameter_default": more.pop("default")} if "default" in more else {}
    return {"parameter_name": name, **default, **more}


INFO: dict[str, Any] = {
    "named_endpoints": {
        "/paint": {
            "parameters": [
                parameter("text", type={"type": "string"}),
                parameter("seed", default=0, type={"type": "integer"}),
                parameter("style", default="none", type={"type": "string", "enum": ["none", "oil"]}),
                parameter("start", default={"path": "/" + "x" * 20_000}),
            ]
        }
    }
}


def of(config: object = CONFIG, info: object = INFO, **options: Any) -> tuple[Function, ...]:
    given: Mapping[str, Any] = {
        "api_name": "/paint",
        "models": ["painter"],
        "parameters": {"prompt": {"argument": "text"}, "seed": 0},
        **options,
    }
    built: Any = build(ProviderConfig(name="painter", url="http://127.0.0.1:1", options=given))
    built.__class__ = Told
    built.told = (config, info)
    return signature(built, Control(1.0))


def test_a_function_is_told_in_the_apps_words_and_with_our_parameters() -> None:
    (function,) = of()
    assert (function.api_name, function.fn_index, function.model, function.is_stepwise) == ("paint", 4, "painter", True)
    prompt, seed, style, start = function.inputs
    assert [(entry.name, entry.params) for entry in function.inputs] == [
        ("text", ("prompt",)), ("seed", ("seed",)), ("style", ()), ("start", ()),
    ]  # fmt: skip
    assert (prompt.required, prompt.component, prompt.schema) == (True, "textbox", "string")
    assert (seed.required, seed.default, seed.minimum, seed.maximum) == (False, 0, 0, 99)
    assert style.choices == ("none", "oil")
    # A default that is a file as text is too long to keep.
    assert (start.default, start.is_file) == (None, True)


def test_what_is_no_part_of_the_api_is_left_out() -> None:
    (function,) = of()
    shown = [(output.component, output.label, output.kind, output.is_seed) for output in function.outputs]
    assert shown == [
        ("image", "Result", "image", False), ("slider", "Used seed", "json", True), ("file", "All", "file", False),
    ]  # fmt: skip


def test_a_function_that_is_gone_is_left_out() -> None:
    assert of(api_name="/gone") == ()


def test_an_app_that_tells_no_names_has_those_that_are_declared() -> None:
    order = ["text", "seed", "style", "start"]
    (function,) = of(info=None, order=order)
    assert [entry.name for entry in function.inputs] == order


def test_a_model_that_several_functions_make_is_none_of_them() -> None:
    steps = [
        {"api_name": "/other", "arguments": {}},
        {"api_name": "/paint", "arguments": {"text": "prompt", "seed": "seed"}},
    ]
    options: dict[str, Any] = {"models": ["painter"], "parameters": {"prompt": "", "seed": 0}, "steps": steps}
    built: Any = build(ProviderConfig(name="painter", url="http://127.0.0.1:1", options=options))
    built.__class__ = Told
    built.told = (CONFIG, INFO)
    assert signature(built, Control(1.0)) == ()
