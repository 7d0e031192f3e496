"""The faults of a run are drawn by seed, and all over in time."""

from __future__ import annotations

import pytest

from tests.chaos.generator import plan
from tests.chaos.nemesis import HABITS, schedule


def test_the_same_seed_gives_the_same_run() -> None:
    assert schedule(5, 200) == schedule(5, 200)
    assert schedule(5, 200) != schedule(6, 200)
    assert plan(5, 50, 10, "x") == plan(5, 50, 10, "x")
    assert plan(5, 50, 10, "x") != plan(6, 50, 10, "x")


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_is_over_when_the_time_is(seed: int) -> None:
    steps = schedule(seed, 90)
    assert all(0 <= step.at <= step.at + step.seconds <= 90 for step in steps)
    assert list(steps) == sorted(steps)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_run_has_every_fault(seed: int) -> None:
    assert {step.name for step in schedule(seed, 240)} == set(HABITS)
