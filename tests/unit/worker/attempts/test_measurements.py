"""Good news of a provider is written together, bad news at once, and none is lost on the way."""

from __future__ import annotations

import pytest

from jobs.model import Failure
from jobs.scheduling import health
from jobs.scheduling.health import Health
from tests.support.worker_parts import WorkerParts, away
from worker.attempts import measurements
from worker.attempts.measurements import Measurements

FAILURE = Failure(code="provider_unreachable", detail="connection refused", retryable=True)


@pytest.fixture
def measured(parts: WorkerParts) -> Measurements:
    """The measurements of a process that knows the provider to be well."""
    found = Measurements(parts.measures, parts.store.now)
    found.known("a")
    return found


def success(measured: Measurements, seconds: float) -> None:
    measured.add("a", lambda record, at: health.succeeded(record, 0.0, seconds, at, "@one"), is_good=True)


def failure(measured: Measurements) -> None:
    measured.add("a", lambda record, at: health.failed(record, FAILURE, at, "@one"), is_good=False)


def written(parts: WorkerParts) -> Health:
    return parts.measures.get(["a"])["a"]


def test_good_news_is_written_together(parts: WorkerParts, measured: Measurements) -> None:
    success(measured, 1.0)
    success(measured, 2.0)
    assert written(parts).runs == ()
    measured.flush()
    assert written(parts).runs == (1.0, 2.0)


def test_a_failure_is_written_at_once_and_after_what_was_before_it(parts: WorkerParts, measured: Measurements) -> None:
    success(measured, 1.0)
    failure(measured)
    assert written(parts).runs == (1.0,)
    assert written(parts).failures_in_row == 1


def test_the_first_success_after_a_failure_is_written_at_once(parts: WorkerParts, measured: Measurements) -> None:
    failure(measured)
    success(measured, 1.0)
    assert written(parts).failures_in_row == 0


def test_of_a_provider_that_nobody_looked_at_good_news_is_written_at_once(parts: WorkerParts) -> None:
    success(Measurements(parts.measures, parts.store.now), 1.0)
    assert written(parts).runs == (1.0,)


def test_many_do_not_wait(parts: WorkerParts) -> None:
    measured = Measurements(parts.measures, parts.store.now, held=2)
    measured.known("a")
    for number in range(3):
        success(measured, float(number))
    assert len(written(parts).runs) == 3


def test_what_redis_does_not_take_is_written_later(parts: WorkerParts, measured: Measurements) -> None:
    parts.connection.before["measure"] = [away]
    failure(measured)
    success(measured, 1.0)
    measured.flush()
    assert written(parts).runs == (1.0,)
    assert written(parts).success_rate < 1.0


def test_while_redis_is_away_nobody_waits_for_it_in_turn(parts: WorkerParts, measured: Measurements) -> None:
    asked: list[int] = []
    parts.connection.before["measure"] = [away, lambda: asked.append(1)]
    failure(measured)
    failure(measured)
    assert asked == []


def test_too_many_that_wait_are_not_dropped_in_silence(
    parts: WorkerParts, measured: Measurements, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(measurements, "KEPT", 2)
    parts.connection.before["measure"] = [away]
    for number in range(3):
        success(measured, float(number))
    measured.flush()
    measured.flush()
    assert written(parts).runs == (1.0, 2.0)
    assert [record.message for record in caplog.records] == ["measurements are dropped: too many wait"]


def test_a_look_at_a_provider_is_believed_for_a_moment(parts: WorkerParts, measured: Measurements) -> None:
    parts.measures.update("a", lambda record, at: health.succeeded(record, 0.0, 5.0, at))
    assert measured.known("a").runs == ()
    success(measured, 1.0)
    measured.flush()
    assert measured.known("a").runs == (5.0, 1.0)
