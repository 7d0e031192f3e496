"""When a second provider is asked beside the first."""

from __future__ import annotations

from collections.abc import Iterable

from jobs.scheduling.health import (
    ENOUGH_SAMPLES,
    SOONEST_SECONDS,
    UNMEASURED_HEDGE_SECONDS,
    Health,
    hedge_after,
    succeeded,
)


def measured(attempts: Iterable[tuple[float, float]]) -> Health:
    record = Health()
    for waited, ran in attempts:
        record = succeeded(record, waited, ran, 100.0)
    return record


def test_it_is_the_p95_of_waiting_and_running_together() -> None:
    assert hedge_after(measured((float(20 - n), 10.0 + n) for n in range(20))) == 30.0
    assert hedge_after(measured((1.0, float(n)) for n in range(1, 21))) == 20.0


def test_with_few_measurements_it_is_a_fixed_time() -> None:
    few = [(0.0, 4.0)] * (ENOUGH_SAMPLES - 1)
    assert hedge_after(measured(few)) == UNMEASURED_HEDGE_SECONDS
    assert hedge_after(measured([*few, (0.0, 4.0)])) == 4.0
    assert hedge_after(Health()) == UNMEASURED_HEDGE_SECONDS


def test_a_quick_provider_gets_a_second_all_the_same() -> None:
    assert hedge_after(measured([(0.0, 0.01)] * 50)) == SOONEST_SECONDS


def test_only_the_newest_measurements_count() -> None:
    assert hedge_after(measured([*[(0.0, 60.0)] * 50, *[(0.0, 5.0)] * 50])) == 5.0
