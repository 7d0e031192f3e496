"""What a request will really use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.drivers import blackforestlabs_flux1_dev as dev
from providers.drivers import blackforestlabs_flux1_schnell as schnell
from providers.drivers import deepseekai_janus_pro_7b as janus
from providers.drivers import g4f
from providers.inputs.normalise import ASPECT_RATIOS, normalise, random_seed, round_side
from providers.inputs.validate import validate
from providers.spec import ModelSpec, Param

MODELS = [dev.MODEL, schnell.MODEL, janus.CHAT, janus.PAINT, g4f.FLUX, g4f.SCHNELL]


def used(model: ModelSpec, values: dict[str, Any]) -> dict[str, Any]:
    return normalise(model, values, pick_seed=lambda: 12345)


def test_schnell_fills_in_its_documented_defaults() -> None:
    assert used(schnell.MODEL, {"prompt": "a"}) == {
        "prompt": "a",
        "seed": 0,
        "randomize_seed": True,
        "width": 768,
        "height": 768,
        "num_inference_steps": 2,
    }


def test_dev_fills_in_its_documented_defaults() -> None:
    assert used(dev.MODEL, {"prompt": "a"}) == {
        "prompt": "a",
        "seed": 0,
        "randomize_seed": True,
        "width": 1024,
        "height": 1024,
        "aspect_ratio": "1:1",
        "guidance_scale": 3.5,
        "num_inference_steps": 28,
    }


def test_janus_fills_in_its_documented_defaults() -> None:
    assert used(janus.CHAT, {"prompt": "a"}) == {"prompt": "a", "seed": 12345, "top_p": 0.95, "temperature": 0.1}
    assert used(janus.PAINT, {"prompt": "a"}) == {"prompt": "a", "seed": 12345, "guidance": 5, "temperature": 1}


def test_g4f_fills_in_its_documented_defaults() -> None:
    assert used(g4f.SCHNELL, {"prompt": "a"}) == {
        "prompt": "a",
        "seed": 12345,
        "width": 1024,
        "height": 1024,
        "aspect_ratio": "1:1",
        "randomize_seed": True,
        "num_inference_steps": 1,
    }
    assert used(g4f.FLUX, {"prompt": "a"})["seed"] == 12345


@pytest.mark.parametrize(
    ("ratio", "width", "height"),
    [
        ("1:1", 1024, 1024),
        ("16:9", 1024, 576),
        ("9:16", 576, 1024),
        ("4:3", 1024, 768),
        ("3:4", 768, 1024),
        ("3:2", 1024, 680),
        ("2:3", 680, 1024),
        ("21:9", 1024, 440),
        ("9:21", 440, 1024),
        ("4:5", 832, 1040),
        ("5:4", 1040, 832),
        ("2:1", 1024, 512),
        ("1:2", 512, 1024),
    ],
)
def test_an_aspect_ratio_fills_both_sides(ratio: str, width: int, height: int) -> None:
    for model in (dev.MODEL, schnell.MODEL, g4f.FLUX, g4f.SCHNELL):
        found = used(model, {"prompt": "a", "aspect_ratio": ratio})
        assert (found["width"], found["height"]) == (width, height)


def test_the_table_of_aspect_ratios_is_complete() -> None:
    assert len(ASPECT_RATIOS) == 13


def test_an_aspect_ratio_fills_only_the_missing_side() -> None:
    found = used(dev.MODEL, {"prompt": "a", "aspect_ratio": "16:9", "width": 512})
    assert (found["width"], found["height"]) == (512, 576)
    found = used(dev.MODEL, {"prompt": "a", "height": 512})
    assert (found["width"], found["height"]) == (1024, 512)


def test_width_and_height_win_over_an_aspect_ratio() -> None:
    found = used(dev.MODEL, {"prompt": "a", "aspect_ratio": "16:9", "width": 512, "height": 512})
    assert (found["width"], found["height"]) == (512, 512)


@pytest.mark.parametrize(("given_side", "rounded"), [(1, 32), (7, 32), (39, 32), (40, 40), (63, 56), (1023, 1016)])
def test_sides_are_rounded_down_to_a_multiple_of_8(given_side: int, rounded: int) -> None:
    found = used(schnell.MODEL, {"prompt": "a", "width": given_side, "height": given_side})
    assert (found["width"], found["height"]) == (rounded, rounded)


def test_a_given_seed_switches_the_random_one_off() -> None:
    assert used(schnell.MODEL, {"prompt": "a", "seed": 7})["randomize_seed"] is False
    assert used(schnell.MODEL, {"prompt": "a", "seed": 0})["randomize_seed"] is False
    assert used(schnell.MODEL, {"prompt": "a", "seed": 7, "randomize_seed": True})["randomize_seed"] is True
    assert used(schnell.MODEL, {"prompt": "a", "seed": None})["randomize_seed"] is True


def test_a_seed_past_the_sliders_end_is_brought_into_it() -> None:
    assert used(dev.MODEL, {"prompt": "a", "seed": 2**32 - 1})["seed"] == 2**31 - 1


def test_a_picked_seed_stays_below_the_declared_maximum() -> None:
    model = ModelSpec(name="m", params=(Param(name="seed", type="integer", random=True, minimum=0, maximum=9),))
    assert used(model, {}) == {"seed": 5}


def test_random_seeds_differ_and_fit_every_space() -> None:
    seeds = {random_seed() for _ in range(50)}
    assert len(seeds) > 40
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_null_means_left_out() -> None:
    assert used(schnell.MODEL, {"prompt": "a", "width": None, "num_inference_steps": None})["width"] == 768


def test_the_prompt_comes_from_the_last_user_message() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": [{"type": "text", "text": "a red"}, {"type": "text", "text": "fox"}]},
        {"role": "assistant", "content": "well"},
    ]
    found = used(schnell.MODEL, {"messages": messages})
    assert found["prompt"] == "a red\nfox"
    assert "messages" not in found


def test_a_prompt_wins_over_messages() -> None:
    messages = [{"role": "user", "content": "first"}]
    assert used(schnell.MODEL, {"prompt": "own", "messages": messages})["prompt"] == "own"


def test_a_picture_in_the_messages_becomes_the_image_and_is_not_kept_twice() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}]
    found = used(janus.CHAT, {"messages": messages})
    assert found["image"] == "data:image/png;base64,AAAA"
    assert found["messages"] == [{"role": "user", "content": "What?"}]
    assert used(janus.CHAT, {"messages": messages, "image": "https://example.com/a.png"})["image"].startswith("https")


def inputs(model: ModelSpec) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs that a model takes."""
    values: dict[str, st.SearchStrategy[Any]] = {}
    for param in model.params:
        low, high = param.minimum, param.maximum
        if param.enum:
            values[param.name] = st.sampled_from(param.enum)
        elif param.type == "integer":
            values[param.name] = st.integers(int(low or 0), int(high or 100))
        elif param.type == "number":
            values[param.name] = st.floats(low, high)
        elif param.type == "boolean":
            values[param.name] = st.booleans()
    optional = {name: st.none() | strategy for name, strategy in values.items()}
    return st.fixed_dictionaries(
        {"prompt": st.text("abc ", min_size=1).map(lambda text: "x" + text)}, optional=optional
    )


accepted = st.sampled_from(MODELS).flatmap(lambda model: st.tuples(st.just(model), inputs(model)))


@given(accepted)
def test_normalising_twice_changes_nothing(case: tuple[ModelSpec, dict[str, Any]]) -> None:
    model, values = case
    once = normalise(model, values)
    assert normalise(model, once) == once


@given(accepted)
def test_what_was_normalised_is_still_accepted_and_complete(case: tuple[ModelSpec, dict[str, Any]]) -> None:
    model, values = case
    if validate(model, values):
        return
    found = normalise(model, values)
    assert validate(model, found) == []
    assert all(param.name in found for param in model.params if param.default is not None)


@given(accepted)
def test_what_was_given_is_kept(case: tuple[ModelSpec, dict[str, Any]]) -> None:
    model, values = case
    found = normalise(model, values)
    for name, value in values.items():
        if value is not None and name not in {"width", "height", "seed"}:
            assert found[name] == value


@given(st.integers(1, 2048))
def test_a_rounded_side_is_a_multiple_of_8_not_above_the_given_one(pixels: int) -> None:
    side = round_side(pixels)
    assert side % 8 == 0
    assert side >= 32
    assert side <= max(pixels, 32)
