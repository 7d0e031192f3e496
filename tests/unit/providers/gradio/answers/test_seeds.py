from __future__ import annotations

import pytest

from providers.gradio.answers.seeds import seed_of, whole


@pytest.mark.parametrize(
    "label", ["seed", "Seed", "SEED:", "Seed used", "used_seed", "The seed that was used", "🎲 Seed"]
)
def test_a_label_tells_the_seed(label: str) -> None:
    assert seed_of([{}, 3, 424242], ["", "seconds", label]) == 424242


@pytest.mark.parametrize(
    "label", ["", "number", "seconds", "seed strength", "Number of seeds", "variation seed", "seedling"]
)
def test_another_label_tells_none(label: str) -> None:
    assert seed_of([{}, 424242], ["", label]) is None


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 "])
def test_a_seed_comes_as_its_component_sends_it(value: object) -> None:
    assert whole(value) == 7
    assert seed_of([value], ["seed"]) == 7


@pytest.mark.parametrize("value", [7.5, True, None, "seven", "", "-7", float("nan"), float("inf"), {"seed": 7}, [7]])
def test_what_is_no_whole_number_is_no_seed(value: object) -> None:
    assert whole(value) is None
    assert seed_of([value], ["seed"]) is None


def test_where_it_cannot_be_told_there_is_none() -> None:
    assert seed_of([1, 2], ["seed", "seed"]) is None
    assert seed_of([2, 2], ["seed", "seed"]) == 2
