from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Changed
from providers.gradio.components.sending import AppFile
from providers.gradio.endpoints import Endpoint, Slot
from providers.gradio.naming import arguments, component


def unnamed(*slots: tuple[str, str, object]) -> Endpoint:
    """A function whose inputs have a label, a component and a value, and no names."""
    made = tuple(Slot(label=label, component=kind, default=value) for label, kind, value in slots)
    return Endpoint(fn_index=0, api_name="infer", slots=made)


PAINTER = unnamed(
    ("Prompt", "textbox", None),
    ("Negative prompt", "textbox", "ugly"),
    ("seed", "number", 0),
    ("Width", "slider", 512),
    ("Ticked?", "checkbox", True),
)


def test_labels_that_leave_no_doubt_are_names() -> None:
    given_ = {"seed": 7, "prompt": "a fox", "width": 64}
    assert arguments(PAINTER, given_) == ["a fox", "ugly", 7, 64, True]
    assert arguments(PAINTER, {**given_, "negative_prompt": "dull", "ticked": False})[1:5:3] == ["dull", False]


def test_a_key_is_as_good_as_a_label() -> None:
    endpoint = Endpoint(fn_index=0, api_name="infer", slots=(Slot(key="the-prompt", component="textbox"),))
    assert arguments(endpoint, {"the_prompt": "x"}) == ["x"]


def test_none_is_what_the_page_shows() -> None:
    example = {"path": "example.png"}
    endpoint = unnamed(("prompt", "textbox", None), ("picture", "image", example), ("mask", "image", None))
    assert arguments(endpoint, {"prompt": None, "picture": None, "mask": None}) == ["", example, None]


@pytest.mark.parametrize(
    ("endpoint", "given_", "why"),
    [
        (PAINTER, {"prompt": "x", "steps": 4}, "'steps' is the label of no input"),
        (PAINTER, {"prompt": "x", "seed": "7"}, "'seed' is the label of a number"),
        (PAINTER, {"prompt": "x", "seed": True}, "'seed' is the label of a number"),
        (PAINTER, {"prompt": 5}, "'prompt' is the label of a textbox"),
        (PAINTER, {"seed": 7}, "neither a declared label nor a value of their own"),
        (unnamed(("seed", "number", 0), ("Seed", "number", 0)), {"seed": 1}, "'seed' is the label of more than one"),
        (unnamed(("a b", "number", 0)), {"a b": 1, "a_b": 2}, "is the label of more than one input"),
        (unnamed(("x", "litmodel3d", None)), {"x": AppFile({"path": "p"})}, "'x' is the label of a litmodel3d"),
        (unnamed(("x", "textbox", "")), {"x": AppFile({"path": "p"})}, "'x' is the label of a textbox"),
        (unnamed(("", "number", 0)), {"": 1}, "is the label of no input"),
    ],
)
def test_any_doubt_is_said_with_what_to_declare(endpoint: Endpoint, given_: dict[str, object], why: str) -> None:
    with pytest.raises(Changed, match="does not tell the names of its parameters") as caught:
        arguments(endpoint, given_)
    assert why in caught.value.detail
    assert "order = [" in caught.value.detail


def test_the_error_shows_the_order_by_its_labels() -> None:
    with pytest.raises(Changed, match=r'order = \["prompt", "negative_prompt", "seed", "width", "ticked"\]'):
        arguments(PAINTER, {"steps": 4})


def test_the_declared_order_is_the_operators_word() -> None:
    order = ("text", "not", "seed", "w", "t")
    assert arguments(PAINTER, {"text": "x", "w": 64}, order) == ["x", "ugly", 0, 64, True]
    assert component(PAINTER, "w", order) == "slider"
    assert component(PAINTER, "seed") == "number"
    assert component(PAINTER, "steps") == ""


@given(st.permutations(range(5)), st.sets(st.sampled_from(["prompt", "negative_prompt", "seed", "width", "ticked"])))
def test_no_value_is_ever_in_another_place(places: list[int], names: set[str]) -> None:
    values: dict[str, object] = {"prompt": "p", "negative_prompt": "n", "seed": 1, "width": 2, "ticked": False}
    given_ = {name: value for name, value in values.items() if name in names}
    endpoint = Endpoint(fn_index=0, api_name="infer", slots=tuple(PAINTER.slots[place] for place in places))
    try:
        sent = arguments(endpoint, given_)
    except Changed:
        assert "prompt" not in names
        return
    for place, name in zip(places, ["prompt", "negative_prompt", "seed", "width", "ticked"], strict=True):
        if name in names:
            assert sent[places.index(list(values).index(name))] == values[name]
        assert place in range(5)
