"""Which inputs are refused, where, and in what words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.drivers import blackforestlabs_flux1_dev as dev
from providers.drivers import deepseekai_janus_pro_7b as janus
from providers.drivers import echo
from providers.inputs.faults import FAULTS_LIMIT, Fault
from providers.inputs.validate import InvalidInput, admit
from providers.spec import ModelSpec

PROMPT = "a red fox in snow"


def refused(values: Any, model: ModelSpec = dev.MODEL) -> dict[str, str]:
    """Details by pointer."""
    return {fault.pointer: fault.detail for fault in faults(model, values)}


def faults(model: ModelSpec, values: Any) -> list[Fault]:
    """What is wrong with an input; empty if it is admitted."""
    try:
        admit(model, values)
    except InvalidInput as error:
        return error.faults
    return []


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"seed": None, "width": None},
        {"width": 64, "height": 64},
        {"width": 1, "height": 7},
        {"width": 513},
        {"width": 512, "height": 512, "aspect_ratio": "16:9"},
        {"seed": 2**32 - 1},
        {"guidance_scale": 3},
        {"prompt": "<img src=x onerror=alert(1)>\"'"},
        {"prompt": "abc \u202e def \u2066x\u2069"},
        {"prompt": "ثعلب في الثلج"},
        {"prompt": "a\uffffb"},
        {"prompt": "line\nbreak\tand tab"},
        {"prompt": "x" * 10_000},
        {"prompt": "\U0001f98a"},
    ],
)
def test_right_inputs_are_accepted(values: dict[str, Any]) -> None:
    assert faults(dev.MODEL, {"prompt": PROMPT, **values}) == []


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["x"], {}])
def test_a_prompt_must_be_a_text(value: object) -> None:
    assert refused({"prompt": value}) == {"/prompt": "must be a text"}


@pytest.mark.parametrize("value", ["", " ", "\n\n\r\n", "\u200b\u200b\u2060", "\u3164\u115f", "\u00a0\u2003"])
def test_a_prompt_must_show_something(value: str) -> None:
    assert list(refused({"prompt": value})) == ["/prompt"]


@pytest.mark.parametrize("value", ["a\x01\x1bb", "a\x00b", "a\x7f", "a\x85", "\ud800", "\ude00\ud83d"])
def test_control_characters_and_broken_unicode_are_refused(value: str) -> None:
    assert list(refused({"prompt": value})) == ["/prompt"]


def test_a_prompt_has_a_limit() -> None:
    assert refused({"prompt": "a" * 10_001}) == {"/prompt": "is longer than 10000 characters; shorten it"}


@pytest.mark.parametrize("name", ["width", "height", "seed", "num_inference_steps"])
@pytest.mark.parametrize("value", [1.0, 4.5, True, False, "4", "", "\uff15\uff11\uff12", [], {}, 1e999, float("nan")])
def test_whole_numbers_are_not_coerced(name: str, value: object) -> None:
    assert list(refused({"prompt": PROMPT, name: value})) == [f"/{name}"]


@pytest.mark.parametrize("value", ["3.5", "NaN", True, [], float("inf"), float("-inf"), float("nan")])
def test_numbers_are_not_coerced(value: object) -> None:
    assert list(refused({"prompt": PROMPT, "guidance_scale": value})) == ["/guidance_scale"]


@pytest.mark.parametrize("value", [1, 0, "true", [], "on"])
def test_booleans_are_not_coerced(value: object) -> None:
    assert refused({"prompt": PROMPT, "randomize_seed": value}) == {"/randomize_seed": "must be true or false"}


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("width", 0, "must be from 1 to 2048"),
        ("width", -1, "must be from 1 to 2048"),
        ("width", 2049, "must be from 1 to 2048"),
        ("width", 2**31, "must be from 1 to 2048"),
        ("width", 2**53 + 1, "must be from 1 to 2048"),
        ("height", 2**64, "must be from 1 to 2048"),
        ("num_inference_steps", 0, "must be from 1 to 50"),
        ("num_inference_steps", 1001, "must be from 1 to 50"),
        ("guidance_scale", 1e308, "must be from 1 to 15"),
        ("guidance_scale", -1e308, "must be from 1 to 15"),
        ("seed", -2, "must be from 0 to 4294967295"),
        ("seed", 2**63, "must be from 0 to 4294967295"),
        ("seed", 10**4000, "must be from 0 to 4294967295"),
    ],
)
def test_ranges_are_told(name: str, value: float, detail: str) -> None:
    assert refused({"prompt": PROMPT, name: value}) == {f"/{name}": detail}


@pytest.mark.parametrize(
    "value", ["16:9:1", "16/9", "99999999:1", "16:9\n", "NaN:1", " 16:9", "", 1, 1.0, [], {"w": 1}, True]
)
def test_aspect_ratios_come_from_the_table(value: object) -> None:
    assert list(refused({"prompt": PROMPT, "aspect_ratio": value})) == ["/aspect_ratio"]


@pytest.mark.parametrize("name", ["PROMPT", "image", "n", "negative_prompt", "__proto__", "$ref", "", "a/b~c"])
def test_unknown_fields_are_named(name: str) -> None:
    found = refused({"prompt": PROMPT, name: "x"})
    assert list(found) == ["/" + name.replace("~", "~0").replace("/", "~1")]
    assert "guidance_scale" in next(iter(found.values()))


def test_a_huge_name_is_not_echoed_whole() -> None:
    assert all(len(pointer) < 100 for pointer in refused({"prompt": PROMPT, "k" * 100_000: 1}))


def test_a_name_with_control_characters_is_not_echoed() -> None:
    assert list(refused({"prompt": PROMPT, "\x1b[31m": 1, "\ud800": 1})) == [""]


def test_many_problems_are_cut_short() -> None:
    assert len(faults(dev.MODEL, {f"x{number}": 1 for number in range(20_000)})) == FAULTS_LIMIT


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_an_input_must_be_an_object(value: object) -> None:
    assert refused(value) == {"": "must be an object"}


def test_a_missing_prompt_is_named_and_messages_are_offered() -> None:
    assert refused({}) == {"/prompt": "is missing: give a prompt, or messages with one from the user"}


def test_sides_and_steps_that_are_legal_alone_may_cost_too_much_together() -> None:
    values = {"prompt": PROMPT, "width": 2048, "height": 2048, "num_inference_steps": 50}
    assert refused(values) == {"/num_inference_steps": "must be at most 28 for an image of 2048x2048"}
    assert refused({**values, "num_inference_steps": 28}) == {}


def test_several_problems_are_told_at_once() -> None:
    assert list(refused({"prompt": 1, "width": 0, "nope": 1})) == ["/prompt", "/width", "/nope"]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "x",
        [1],
        [{}],
        [{"role": "tool", "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": 1}],
        [{"role": "user", "content": [{"type": "audio"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
        [{"role": "user", "content": "x", "other": 1}],
        [{"role": "user", "content": "x" * 10_001}],
        [{"role": "system", "content": "only"}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": "x"}] * 101,
    ],
)
def test_wrong_messages_are_refused(messages: object) -> None:
    found = refused({"messages": messages})
    assert found
    assert all(pointer.startswith("/messages") for pointer in found)


def test_right_messages_stand_in_for_a_prompt() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a fox", "name": "me"}]
    assert faults(dev.MODEL, {"messages": messages}) == []
    assert faults(janus.CHAT, {"messages": messages}) == []


def test_pictures_must_come_from_where_they_can_be_had() -> None:
    assert list(refused({"prompt": "x", "image": "file:///etc/passwd"}, janus.CHAT)) == ["/image"]
    assert refused({"prompt": "x", "image": "data:image/png;base64,iVBORw0KGgo="}, janus.CHAT) == {}


def test_steps_of_a_script_are_checked_one_by_one() -> None:
    found = refused({"script": ["image", "dance", "wait 2 s", "fail", "progress 0"]}, echo.MODEL)
    assert list(found) == ["/script/1", "/script/2", "/script/3", "/script/4"]


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([param.name for param in (*dev.MODEL.params, *janus.CHAT.params, *echo.MODEL.params)])


@given(
    st.sampled_from([dev.MODEL, janus.CHAT, echo.MODEL]),
    st.dictionaries(names | st.text(st.characters(), max_size=5), json_values, max_size=4),
)
def test_no_input_makes_it_fail_and_every_answer_can_be_shown(model: ModelSpec, values: dict[str, Any]) -> None:
    for fault in faults(model, values):
        (fault.pointer + fault.detail).encode()
        assert len(fault.pointer) < 1000
        assert fault.detail
