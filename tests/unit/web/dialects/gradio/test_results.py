"""What a job made, in the shape that was promised: also where another app made it, and where something is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.model import Output as Made
from providers.discovery.signature import Function, Output
from tests.support.gradio_apps import INFER
from tests.support.sample_jobs import make_job
from web.dialects.gradio.results import partial_values, values

SEED = Output(component="slider", label="Seed", kind="json", is_seed=True)
IMAGE = Output(component="image", label="Result", kind="image")


def function(*outputs: Output) -> Function:
    return replace(INFER, outputs=outputs)


def answer(wanted: Function, *made: Made) -> Any:
    job = make_job(status="succeeded", outputs=made)
    return values(wanted, job, lambda output: {"path": str(output.index)}, lambda output: output.text or "")


def image(index: int, **more: Any) -> Made:
    return Made(index=index, kind="image", **more)


def test_a_picture_and_its_seed() -> None:
    assert answer(function(IMAGE, SEED), image(0, label="Result", seed=7)) == [{"path": "0"}, 7]


def test_a_seed_that_is_not_known_is_null() -> None:
    assert answer(function(IMAGE, SEED), image(0)) == [{"path": "0"}, None]


def test_a_seed_in_a_text_box_is_a_text() -> None:
    wanted = function(IMAGE, Output(component="textbox", label="Seed", kind="text", is_seed=True))
    assert answer(wanted, image(0, seed=7)) == [{"path": "0"}, "7"]


def test_an_output_goes_where_its_label_stands() -> None:
    """The first of two may have been empty."""
    wanted = function(Output(component="image", label="Draft", kind="image"), IMAGE)
    assert answer(wanted, image(0, label="Result")) == [None, {"path": "0"}]


def test_what_another_app_made_goes_where_its_kind_stands() -> None:
    wanted = function(Output(component="textbox", label="Said", kind="text"), IMAGE, SEED)
    made = (image(0, label="Another", seed=3), Made(index=1, kind="text", text="hello"))
    assert answer(wanted, *made) == ["hello", {"path": "0"}, 3]


def test_a_gallery_has_all_and_each_caption() -> None:
    wanted = function(Output(component="gallery", label="Pictures", kind="image"))
    assert answer(wanted, image(0, caption="one"), image(1)) == [
        [{"image": {"path": "0"}, "caption": "one"}, {"image": {"path": "1"}, "caption": None}]
    ]


def test_a_chat_answers_with_a_message() -> None:
    wanted = function(Output(component="chatbot", label="", kind="text"))
    said = [[{"role": "assistant", "content": "hello"}]]
    assert answer(wanted, Made(index=0, kind="text", text="hello")) == said
    assert partial_values(wanted, "hello") == said


@pytest.mark.parametrize(
    ("output", "made", "found"),
    [
        (Output(component="json", label="", kind="json"), Made(index=0, kind="json", data={"a": 1}), {"a": 1}),
        (Output(component="file", label="", kind="file"), Made(index=0, kind="model"), {"path": "0"}),
        (Output(component="file", label="", kind="file"), Made(index=0, kind="text", text="no"), None),
        (Output(component="", label=""), Made(index=0, kind="text", text="hello"), "hello"),
        (Output(component="video", label="", kind="video"), Made(index=0, kind="image"), None),
        (Output(component="textbox", label="", kind="text"), Made(index=0, kind="json", data=3), 3),
    ],
)
def test_an_output_of_another_kind(output: Output, made: Made, found: Any) -> None:
    assert answer(function(output), made) == [found]


def test_a_function_without_a_text_writes_none() -> None:
    assert partial_values(function(IMAGE, SEED), "hello") is None
