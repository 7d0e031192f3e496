"""From what an app says to the table that declares it: by hand-made descriptions."""

from __future__ import annotations

from typing import Any

import pytest

from providers import config_file
from providers.catalog import Catalog
from providers.discovery.declaration import CannotDeclare, Declaration, declare, slug
from providers.discovery.functions import Description, describe
from providers.discovery.guess import candidates


def component(number: int, kind: str, **props: object) -> dict[str, object]:
    return {"id": number, "type": kind, "props": props, "skip_api": kind == "state"}


def app(
    inputs: list[tuple[str, dict[str, Any]]], outputs: list[str], names: list[str] | None = None, api: str = "infer"
) -> Description:
    """An app with one function, whose parameters have these names; None: it does not tell them."""
    components = [component(n, kind, **props) for n, (kind, props) in enumerate(inputs)]
    components += [component(100 + n, kind) for n, kind in enumerate(outputs)]
    dependency = {
        "id": 0,
        "api_name": api,
        "inputs": list(range(len(inputs))),
        "outputs": [100 + n for n in range(len(outputs))],
        "targets": [[1, "click"]],
    }
    config = {
        "version": "6.0.0",
        "protocol": "sse_v3",
        "title": "My app",
        "components": components,
        "dependencies": [dependency],
    }
    if names is None:
        return describe(config)
    shown = [(kind, props) for kind, props in inputs if kind != "state"]
    parameters = [
        {
            "parameter_name": name,
            "parameter_has_default": props.get("value") is not None,
            "parameter_default": props.get("value"),
            "type": {"type": {"textbox": "string", "checkbox": "boolean", "oddity": "object"}.get(kind, "number")},
        }
        for name, (kind, props) in zip(names, shown, strict=True)
    ]
    return describe(config, {"named_endpoints": {f"/{api}": {"parameters": parameters}}})


def declared(description: Description) -> Declaration:
    return declare(description.functions[0], "mine", {"url": "http://127.0.0.1:7860"})


def parameters(description: Description) -> Any:
    found = declared(description)
    config = config_file.parse(found.text)
    assert config.providers["mine"].options["parameters"] == found.table["parameters"]
    Catalog.of(config, installed=[])
    return found.table["parameters"]


def test_ranges_choices_and_defaults_are_the_apps() -> None:
    found = parameters(
        app(
            [
                ("textbox", {"label": "Prompt"}),
                ("textbox", {"label": "Negative prompt"}),
                ("slider", {"minimum": 0, "maximum": 2147483647, "step": 1, "value": 0, "label": "Seed"}),
                ("slider", {"minimum": 1, "maximum": 20, "step": 0.1, "value": 7, "label": "Guidance", "info": "How <b>close</b>"}),
                ("number", {"value": 512, "label": "width"}),
                ("number", {"value": 4, "precision": 0, "label": "steps"}),
                ("checkbox", {"value": True, "label": "Randomize seed"}),
                ("dropdown", {"choices": [["A", "a"], ["B", "b"]], "value": "b", "label": "style"}),
                ("radio", {"choices": [[2, 2], [4, 4]], "value": 2, "label": "factor"}),
                ("state", {}),
            ],
            ["image", "number"],
            ["prompt", "negative_prompt", "seed", "guidance_scale", "width", "steps", "randomize_seed", "style", "factor"],
        )
    )  # fmt: skip
    assert found == {
        "prompt": "",
        "negative_prompt": "",
        "seed": {"default": 0, "minimum": 0, "maximum": 2147483647},
        "guidance_scale": {"default": 7.0, "minimum": 1.0, "maximum": 20.0, "description": "How close"},
        "width": 512,
        "steps": 4,
        "randomize_seed": True,
        "style": {"default": "b", "enum": ["a", "b"]},
        "factor": {"default": 2, "enum": [2, 4]},
    }


def test_the_text_that_says_what_to_make_is_the_prompt_under_any_name() -> None:
    found = parameters(app([("slider", {"value": 1}), ("textbox", {"label": "Text"})], ["video"], ["speed", "text"]))
    assert found["prompt"] == {"argument": "text", "default": ""}


def test_a_name_that_means_something_else_here_gets_another_one() -> None:
    found = parameters(
        app(
            [("image", {"label": "In"}), ("textbox", {"label": "Seed", "value": "x"}), ("image", {})],
            ["image"],
            ["prompt", "seed", "image"],
        )
    )
    assert found["image"] == {"type": "image"}
    assert found["prompt_value"] == {"argument": "prompt", "type": "image", "description": "In"}
    # The only text is what says what to make.
    assert found["prompt"] == {"argument": "seed", "default": ""}


def test_a_picture_is_needed_where_there_is_nothing_else_to_go_by() -> None:
    assert parameters(app([("image", {})], ["image"], ["picture"])) == {"picture": {"type": "image", "required": True}}


def test_without_names_the_labels_are_the_order() -> None:
    inputs: list[tuple[str, dict[str, Any]]] = [
        ("textbox", {"label": "Prompt"}),
        ("number", {"value": 3, "label": "My steps"}),
    ]
    found = declared(app(inputs, ["image"]))
    assert found.table["order"] == ["prompt", "my_steps"]
    assert "does not tell the names" in found.text
    with pytest.raises(CannotDeclare, match="declare it by hand"):
        declared(app([("textbox", {"label": "a"}), ("textbox", {"label": "A"})], ["image"]))


def test_what_cannot_be_declared_is_named() -> None:
    description = app([("textbox", {}), ("oddity", {"label": "t"})], ["textbox"], ["prompt", "table"])
    found = declared(description)
    assert "table" not in found.table["parameters"]  # type: ignore[operator]
    assert "# Not declared" in found.text
    assert "table (oddity)" in found.text


def test_an_input_that_holds_two_things_is_two_parameters() -> None:
    found = parameters(
        app(
            [("multimodaltextbox", {"label": "Ask"}), ("imageeditor", {}), ("audio", {}), ("file", {"file_count": "multiple"})],
            ["textbox"],
            ["message", "editor", "sound", "papers"],
        )
    )  # fmt: skip
    assert found == {
        "prompt": {"argument": "message", "default": ""},
        "files": {"argument": "message", "type": "files"},
        "editor": {"type": "image"},
        "mask": {"argument": "editor", "type": "image"},
        "sound": {"type": "audio"},
        "papers": {"type": "files"},
    }


def test_lists_of_choices_are_lists() -> None:
    choices = [["a", "a"], ["b", "b"]]
    found = parameters(
        app(
            [
                ("checkboxgroup", {"choices": choices, "value": ["b"]}),
                ("dropdown", {"choices": choices, "multiselect": True, "value": []}),
                ("dropdown", {"choices": choices, "value": "nothing"}),
            ],
            ["image"],
            ["some", "more", "one"],
        )
    )
    assert found == {
        "some": {"default": ["b"], "enum": ["a", "b"]},
        "more": {"default": [], "enum": ["a", "b"]},
        "one": {"type": "string", "enum": ["a", "b"]},
    }


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        (["image", "number"], "image"),
        (["number", "textbox", "gallery"], "image"),
        (["video"], "video"),
        (["audio", "textbox"], "audio"),
        (["model3d", "downloadbutton"], "model"),
        (["file"], "file"),
        (["chatbot", "textbox"], "text"),
        (["markdown", "button"], "text"),
        (["label"], "json"),
        (["never_seen"], "json"),
    ],
)
def test_the_kind_is_that_of_the_outputs(outputs: list[str], kind: str) -> None:
    assert declared(app([("textbox", {})], outputs, ["prompt"])).table["kind"] == kind


@pytest.mark.parametrize(
    "hostile",
    [
        {"label": 'x"\n[providers.evil]\n', "info": "a\nb = 1", "value": '"""\n[x]'},
        {"label": "\x00\x1b[31m", "value": "\x7f\u2028"},
        {"minimum": float("nan"), "maximum": "9", "step": True, "value": [1]},
        {"choices": [[1], {"a": 1}, None], "value": {}},
        {"label": ["x"], "info": {"a": 1}, "choices": "abc"},
    ],
)
@pytest.mark.parametrize("kind", ["textbox", "slider", "number", "dropdown", "image", "oddity"])
def test_whatever_an_app_says_the_file_stays_whole(kind: str, hostile: dict[str, Any]) -> None:
    found = parameters(app([("textbox", {"label": "Prompt"}), (kind, hostile)], ["image"], ["prompt", 'a"\n[b]']))
    assert "prompt" in found


def test_the_main_function_is_guessed_with_a_reason() -> None:
    config: dict[str, Any] = {
        "version": "6.0.0",
        "protocol": "sse_v3",
        "components": [component(0, "textbox", label="Prompt"), component(1, "image"), component(2, "button")],
        "dependencies": [
            {"id": 0, "api_name": "load_example", "inputs": [0], "outputs": [0, 1], "targets": [[2, "click"]]},
            {"id": 1, "api_name": "lambda", "inputs": [], "outputs": [2]},
            {"id": 2, "api_name": "infer", "inputs": [0], "outputs": [1], "targets": [[2, "click"]]},
            {"id": 3, "api_name": None, "inputs": [0], "outputs": [1]},
            {"id": 4, "api_name": "infer_1", "inputs": [0], "outputs": [1], "api_visibility": "undocumented"},
        ],
    }
    found = candidates(describe(config))
    assert [candidate.function.label for candidate in found] == ["/infer", "/infer_1", "/load_example"]
    assert "takes a text named Prompt" in found[0].why


def test_names_of_providers() -> None:
    assert slug("FLUX.1 [dev]") == "flux-1-dev"
    assert slug("日本") == ""
