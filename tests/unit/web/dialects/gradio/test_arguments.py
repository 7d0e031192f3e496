"""The values of a call, as parameters: by their places, through every kind of input, and never by a guess."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.discovery.signature import Function, Input
from tests.support.gradio_apps import INFER
from web.dialects.gradio.arguments import arguments, by_name
from web.http.problems import Problem

FILE = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def one(component: str, takes: str, *params: str) -> Function:
    """A function with one input."""
    entry = Input(name="it", label="It", params=params or ("image",), component=component, takes=takes, required=True)
    return replace(INFER, inputs=(entry,))


def picture(path: str = f"{FILE}/a.png") -> dict[str, Any]:
    return {"path": path, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}


def test_what_is_left_out_is_the_apps_default() -> None:
    found = arguments(INFER, ["a"])
    assert found.given == {
        "prompt": "a", "seed": 0, "randomize_seed": True, "width": 1024, "height": 1024, "num_inference_steps": 4,
    }  # fmt: skip


def test_null_is_a_value_that_is_not_given() -> None:
    assert arguments(INFER, ["a", None, None, None, None, None]).given == {"prompt": "a"}


def test_a_whole_number_of_a_slider_is_whole() -> None:
    found = arguments(INFER, ["a", 7.0, False, 512.0, 512.5]).given
    assert (found["seed"], found["width"], found["height"]) == (7, 512, 512.5)
    assert isinstance(found["seed"], int)


def test_an_input_that_is_no_parameter_counts_only_where_it_changes_nothing() -> None:
    extra = Input(name="style", label="Style", component="dropdown", takes="string", default="none")
    function = replace(INFER, inputs=(INFER.inputs[0], extra))
    assert arguments(function, ["a", "none"]).ignored == []
    assert arguments(function, ["a"]).ignored == []
    assert arguments(function, ["a", "oil"]).ignored == ["style"]


@pytest.mark.parametrize(
    ("function", "value", "given"),
    [
        (one("image", "image"), picture(), {"image": FILE}),
        (one("image", "image"), picture(FILE), {"image": FILE}),
        # As the JavaScript client names what it has uploaded, and a file that a user gives by its address.
        (
            one("image", "image"),
            picture(f"http://127.0.0.1:8000/gradio/x/gradio_api/file={FILE}/a.png"),
            {"image": FILE},
        ),
        (one("image", "image"), picture("https://example.com/a.png"), {"image": "https://example.com/a.png"}),
        (one("image", "image"), {"url": "https://example.com/a.png"}, {"image": "https://example.com/a.png"}),
        (one("image", "image"), "data:image/png;base64,AAAA", {"image": "data:image/png;base64,AAAA"}),
        (one("video", "video"), {"video": picture(), "subtitles": None}, {"image": FILE}),
        (one("gallery", "images"), [{"image": picture(), "caption": None}, picture()], {"image": [FILE, FILE]}),
        (one("file", "files"), [picture()], {"image": [FILE]}),
        (one("gallery", "images"), [], {}),
        (one("imageslider", "images", "a", "b"), [picture(), picture()], {"a": FILE, "b": FILE}),
        (
            one("imageeditor", "image"),
            {"background": picture(), "layers": [], "composite": picture("https://example.com/c.png")},
            {"image": "https://example.com/c.png"},
        ),
        (
            one("imageeditor", "image", "image", "mask"),
            {"background": picture(), "layers": [picture("https://example.com/m.png")], "composite": None},
            {"image": FILE, "mask": "https://example.com/m.png"},
        ),
        (
            one("multimodaltextbox", "string", "prompt", "image"),
            {"text": "hello", "files": [picture()]},
            {"prompt": "hello", "image": FILE},
        ),
        (one("multimodaltextbox", "string", "prompt", "image"), {"text": "hello", "files": []}, {"prompt": "hello"}),
    ],
)
def test_a_value_of_every_shape_is_read(function: Function, value: Any, given: dict[str, Any]) -> None:
    assert arguments(function, [value]).given == given


@pytest.mark.parametrize(
    "value",
    [
        picture("/etc/passwd"), picture("../a.png"), picture("job_01ARZ3NDEKTSV4RRFFQ69G5FAV/0/a.png"), picture(""), {}, 7, True,
        "a.png", "file:///etc/passwd", {"path": 7}, [[picture(), picture()]],
    ],
)  # fmt: skip
def test_what_is_no_file_of_theirs_is_refused(value: Any) -> None:
    with pytest.raises(Problem) as refused:
        arguments(one("image", "image"), [value])
    assert refused.value.status == 400


def test_values_by_name() -> None:
    assert by_name(INFER, {"seed": 7, "prompt": "a"}) == ["a", 7, True, 1024, 1024, 4]
    for body in ({}, {"prompt": "a", "style": "oil"}):
        with pytest.raises(Problem):
            by_name(INFER, body)
