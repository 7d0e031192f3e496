"""The health of a provider: averages, circuit, rest, signature."""

from __future__ import annotations

import pytest

from jobs.model import Failure
from jobs.scheduling import circuits, health
from jobs.scheduling.health import Health

UNREACHABLE = Failure(code="provider_unreachable", detail="connection refused", retryable=True)
QUOTA = Failure(code="provider_quota", detail="quota is used up", retryable=True)
REJECTED = Failure(code="invalid_input", detail="no such size")


def seen(record: Health, at: float) -> str:
    return health.condition(record, health.blocked_until(record, at))


def failing(count: int, at: float = 100.0) -> Health:
    record = Health()
    for _ in range(count):
        record = health.failed(record, UNREACHABLE, at)
    return record


def test_a_new_provider_is_healthy_and_takes_jobs() -> None:
    assert seen(Health(), 0.0) == "healthy"
    assert Health().open_until is None


def test_the_circuit_opens_after_five_failures_in_a_row() -> None:
    assert failing(4).open_until is None
    opened = failing(5)
    assert (opened.open_until, opened.last_error) == (115.0, "provider_unreachable")
    assert seen(opened, 100.0) == "down"


def test_a_half_open_circuit_closes_with_a_success_and_opens_longer_with_a_failure() -> None:
    opened = failing(5)
    assert circuits.is_half_open(opened, 115.0)
    assert seen(opened, 115.0) == "degraded"
    assert health.succeeded(opened, 0.0, 1.0, 116.0).open_until is None
    assert health.failed(opened, UNREACHABLE, 116.0).open_until == 116.0 + 30.0


def test_a_failure_while_the_circuit_is_open_comes_from_an_earlier_start() -> None:
    """Attempts that were under way when the circuit opened must not lengthen it each on its own."""
    opened = failing(5)
    assert health.failed(opened, UNREACHABLE, 101.0).open_until == opened.open_until


def test_the_circuit_never_stays_open_longer_than_ten_minutes() -> None:
    record, at = Health(), 0.0
    for _ in range(40):
        record = health.failed(record, UNREACHABLE, at)
        at = max(at, record.open_until or at)
    assert (record.open_until or 0) - at <= circuits.LONGEST_OPEN_SECONDS


def test_a_used_up_quota_does_not_make_a_provider_ill() -> None:
    record = health.failed(Health(), QUOTA, 100.0)
    assert (seen(record, 100.0), record.success_rate) == ("healthy", 1.0)


def test_a_bad_input_says_nothing_about_the_provider() -> None:
    assert health.failed(Health(), REJECTED, 100.0).failures_in_row == 0


def test_a_changed_signature_degrades_and_its_time_stays() -> None:
    record = health.probed(Health(), "h2", "no parameter 'seed' any more", 100.0)
    assert (seen(record, 100.0), record.signature_changed_at) == ("degraded", 100.0)
    again = health.probed(record, "h2", "no parameter 'seed' any more", 160.0)
    assert (again.signature_changed_at, again.checked_at) == (100.0, 160.0)
    assert seen(health.probed(again, "h1", None, 220.0), 220.0) == "healthy"


def probes_failing(count: int, at: float = 100.0) -> Health:
    record = health.succeeded(Health(), 0.0, 4.0, 1.0)
    for _ in range(count):
        record = health.unanswered(record, UNREACHABLE, at)
    return record


def test_failed_probes_open_the_circuit_and_spoil_no_success_rate() -> None:
    assert probes_failing(4).open_until is None
    opened = probes_failing(5)
    assert (opened.open_until, opened.last_error) == (115.0, "provider_unreachable")
    assert (opened.success_rate, opened.last_used_at, opened.checked_at) == (1.0, 1.0, 100.0)
    assert health.expected_seconds(opened) == 4.0


def test_a_failed_probe_counts_beside_failed_jobs() -> None:
    assert health.unanswered(failing(4), UNREACHABLE, 101.0).open_until == 116.0
    assert health.unanswered(failing(5), UNREACHABLE, 115.0).open_until == 145.0, "half-open, and it failed again"


def test_a_probe_that_was_refused_says_nothing_about_the_provider() -> None:
    assert health.unanswered(Health(), QUOTA, 100.0) == Health(checked_at=100.0)


def test_an_app_that_answers_again_gets_a_job_at_once_and_then_all() -> None:
    for opened in (failing(5), probes_failing(5)):
        half_open = health.probed(opened, "h1", None, 101.0)
        assert circuits.is_half_open(half_open, 101.0)
        closed = health.probed(half_open, "h1", None, 161.0)
        assert (closed.open_until, closed.failures_in_row, closed.opened) == (None, 0, 0)


def test_an_answer_heals_no_provider_whose_jobs_fail() -> None:
    record = failing(4)
    record = health.failed(record, Failure(code="provider_error", detail="out of GPU memory"), 100.0)
    assert health.probed(record, "h1", None, 101.0).open_until == record.open_until
    half_open = health.probed(record, "h1", None, 116.0)
    assert (half_open.open_until, half_open.failures_in_row) == (record.open_until, 5)


def test_expected_time_grows_with_waiting_and_with_failures() -> None:
    fast = health.succeeded(Health(), 0.0, 4.0, 1.0)
    queued = health.succeeded(Health(), 20.0, 4.0, 1.0)
    flaky = health.failed(fast, UNREACHABLE, 2.0)
    assert health.expected_seconds(fast) == pytest.approx(4.0)
    assert health.expected_seconds(queued) == pytest.approx(24.0)
    assert health.expected_seconds(flaky) == pytest.approx(5.0)


def test_percentiles_are_of_the_newest_fifty() -> None:
    record = Health()
    for seconds in range(1, 101):
        record = health.succeeded(record, 0.0, float(seconds), 1.0)
    assert len(record.runs) == 50
    assert (health.percentile(record.runs, 0.5), health.percentile(record.runs, 0.95)) == (75.0, 98.0)
    assert health.percentile((), 0.5) is None


def test_an_attempt_that_another_outran_is_measured_where_it_was_slow_already() -> None:
    record = Health()
    for _ in range(20):
        record = health.succeeded(record, 1.0, 4.0, 1.0)
    slow = health.outrun(record, 0.5, 7.0, 2.0)
    assert health.totals(slow)[-1] == 7.5
    assert (slow.success_rate, slow.failures_in_row, slow.last_used_at) == (1.0, 0, 2.0)
    early = health.outrun(record, 0.5, 1.0, 2.0)
    assert (health.totals(early), early.last_used_at) == (health.totals(record), 2.0), "it may have been about to end"
    assert health.totals(health.outrun(Health(), 0.0, 60.0, 2.0)) == ()


def test_hedging_does_not_make_a_provider_look_faster_than_it_is() -> None:
    """Each tenth attempt takes long and is outrun: the p95 must not sink below what is usual."""
    record = Health()
    for number in range(500):
        if number % 10 == 9:
            record = health.outrun(record, 0.0, 21.0, 1.0)
        else:
            record = health.succeeded(record, 0.0, 20.0 if number % 10 == 8 else 5.0, 1.0)
    assert health.percentile(health.totals(record), health.SLOW_SHARE) == 21.0
