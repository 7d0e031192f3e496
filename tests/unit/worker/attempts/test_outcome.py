"""What follows a failed attempt."""

from __future__ import annotations

from typing import Any

import pytest

from jobs import events
from jobs.model import Attempt, Failure, Job, Status
from jobs.states import apply
from worker.attempts import outcome


def job(*outcomes: str, **changes: Any) -> Job:
    """A running job: its earlier attempts' outcomes, then the current one."""
    attempts = [
        Attempt(n=n, provider="a", worker="w", started_at=0.0, ended_at=1.0, outcome=outcome)  # type: ignore[arg-type]
        for n, outcome in enumerate(outcomes, 1)
    ]
    current = Attempt(n=len(outcomes) + 1, provider="a", worker="w", started_at=2.0)
    fields: dict[str, Any] = {
        "id": "job_1", "owner": "o", "user": "o", "model": "m", "route": ("a", "b"), "given": {}, "input": {},
        "created_at": 0.0, "status": Status.RUNNING, "attempts": (*attempts, current), **changes,
    }  # fmt: skip
    return Job(**fields)


def failure(code: str = "provider_busy", **changes: Any) -> Failure:
    fields: dict[str, Any] = {"code": code, "detail": "x", "retryable": True, "provider": "a", **changes}
    return Failure(**fields)


def test_the_next_provider_is_tried_at_once_and_the_failed_one_last() -> None:
    event = outcome.after_failure(job(), failure(), 100.0)
    assert isinstance(event, events.Requeued)
    assert (event.route, event.not_before, event.reason) == (("b", "a"), None, None)


def test_a_lone_provider_is_waited_for() -> None:
    event = outcome.after_failure(job(route=("a",)), failure(retry_after=588.0), 100.0)
    assert isinstance(event, events.Requeued)
    assert (event.not_before, event.reason) == (688.0, "provider_cooldown")


def test_a_provider_that_failed_in_a_way_that_stays_is_not_asked_again() -> None:
    event = outcome.after_failure(job(), failure("provider_changed"), 100.0)
    assert isinstance(event, events.Requeued)
    assert event.route == ("b",)
    assert isinstance(outcome.after_failure(job(route=("a",)), failure("provider_changed"), 100.0), events.Failed)


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (job("failed", "lost"), failure()),
        (job(), failure(retryable=False)),
        (job(route=("a",), deadline_at=110.0), failure(retry_after=60.0)),
    ],
    ids=["three attempts", "no use", "too late"],
)
def test_the_end_comes_when_another_try_is_no_use(state: Job, cause: Failure) -> None:
    assert outcome.after_failure(state, cause, 100.0) == events.Failed(at=100.0, error=cause)


def test_a_try_that_was_handed_back_does_not_count() -> None:
    assert isinstance(outcome.after_failure(job("handed_back", "handed_back"), failure(), 100.0), events.Requeued)


def test_a_single_job_stays_with_the_provider_that_took_it_first() -> None:
    queued = job(strategy="single", status=Status.QUEUED, attempts=())
    first = apply(queued, events.Started(at=1.0, provider="b", worker="w", input={}))
    again = outcome.after_failure(first, failure(provider="b"), 100.0)
    assert isinstance(again, events.Requeued)
    assert (again.route, again.not_before, again.reason) == (("b",), 130.0, "provider_cooldown")
    lost = apply(first, outcome.after_loss(first, 100.0))
    assert (lost.status, lost.route) == (Status.QUEUED, ("b",))
    never = outcome.after_failure(first, failure("provider_changed", provider="b"), 100.0)
    assert isinstance(never, events.Failed), "it would only fail there again"


def test_pauses_grow_and_an_upstream_cannot_make_one_of_a_year() -> None:
    assert [outcome.pause(failure(), n) for n in (1, 2, 3)] == [30.0, 60.0, 120.0]
    assert outcome.pause(failure(retry_after=1e9), 1) == outcome.LONGEST_PAUSE
    assert outcome.pause(failure(retry_after=0.0), 1) == 1.0
