"""The state table: every pair of state and event either moves as the table says or is refused."""

from __future__ import annotations

import typing

import pytest
from msgspec.structs import replace

from jobs import events as e
from jobs.errors import IllegalTransition
from jobs.model import Attempt, Failure, Job, Output, Status
from jobs.states import TRANSITIONS, apply
from tests.support.sample_jobs import make_job

FAILURE = Failure(code="provider_busy", detail="full", retryable=True)
EVENTS: dict[type[e.Event], e.JobEvent] = {
    type(event): event
    for event in (
        e.Submitted(at=2.0),
        e.Recalled(at=2.0, source="job_0", outputs=()),
        e.Parked(at=2.0, reason="provider_cooldown", until=9.0),
        e.Started(at=2.0, provider="echo", worker="w", input={"prompt": "x"}),
        e.Hedged(at=2.0, provider="second", worker="w", input={"prompt": "y"}),
        e.AttemptFailed(at=2.0, attempt=1, error=FAILURE, route=("second",)),
        e.UpstreamQueued(at=2.0, rank=1, size=3),
        e.Progressed(at=2.0, stage="generating", fraction=0.5),
        e.Previewed(at=2.0, index=0),
        e.Wrote(at=2.0, text="hello"),
        e.Logged(at=2.0, text="hello"),
        e.Noted(at=2.0, note="resumed"),
        e.Requeued(at=2.0, outcome="failed", error=FAILURE, not_before=5.0),
        e.CancelRequested(at=2.0),
        e.Canceled(at=2.0),
        e.Succeeded(at=2.0, outputs=(Output(index=0, kind="text", text="hi"),)),
        e.Failed(at=2.0, error=FAILURE),
        e.Expired(at=2.0),
    )
}
#: The moves that the design allows between states; staying where one is, is no move.
MOVES = {
    ("queued", "running"), ("queued", "canceled"), ("queued", "failed"), ("queued", "expired"),
    ("running", "succeeded"), ("running", "failed"), ("running", "canceled"), ("running", "queued"),
}  # fmt: skip


def job_in(status: Status) -> Job:
    attempt = Attempt(n=1, provider="echo", worker="w", started_at=1.0)
    return make_job(status=status, attempts=(attempt,) if status is Status.RUNNING else ())


def test_every_event_type_is_tried() -> None:
    assert set(EVENTS) == set(typing.get_args(e.JobEvent))


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_moves_as_the_table_says_or_is_refused(status: Status, kind: type[e.Event]) -> None:
    target = TRANSITIONS[status].get(kind)
    if target is None:
        with pytest.raises(IllegalTransition):
            apply(job_in(status), EVENTS[kind])
    else:
        assert apply(job_in(status), EVENTS[kind]).status is target


def test_the_table_has_exactly_the_moves_of_the_design() -> None:
    found = {(str(a), str(b)) for a, row in TRANSITIONS.items() for b in row.values() if a is not b}
    assert found == MOVES


@pytest.mark.parametrize("status", [status for status in Status if status.is_terminal])
def test_a_terminal_state_takes_nothing(status: Status) -> None:
    assert TRANSITIONS[status] == {}


def test_an_attempt_is_opened_and_closed_in_the_ledger() -> None:
    job = apply(job_in(Status.QUEUED), EVENTS[e.Started])
    assert [(a.n, a.provider, a.ended_at) for a in job.attempts] == [(1, "echo", None)]
    job = apply(job, EVENTS[e.Requeued])
    assert [(a.outcome, a.error) for a in job.attempts] == [("failed", FAILURE)]
    assert (job.not_before, job.error) == (5.0, None)
    job = apply(apply(job, EVENTS[e.Started]), EVENTS[e.Succeeded])
    assert [(a.n, a.outcome) for a in job.attempts] == [(1, "failed"), (2, "succeeded")]
    assert (job.finished_at, job.expires_at) == (2.0, 2.0 + 86_400)


def test_a_cancel_asked_for_twice_keeps_its_first_time() -> None:
    job = apply(job_in(Status.RUNNING), e.CancelRequested(at=2.0))
    assert apply(job, e.CancelRequested(at=3.0)).cancel_requested_at == 2.0


def test_a_note_goes_to_the_current_attempt() -> None:
    job = replace(job_in(Status.RUNNING))
    assert apply(job, EVENTS[e.Noted]).attempts[-1].notes == ("resumed",)


# -- two attempts ---------------------------------------------------------------


def hedged() -> Job:
    """A running job with its hedge."""
    return apply(job_in(Status.RUNNING), EVENTS[e.Hedged])


def ledger(job: Job) -> list[tuple[str, bool, str | None]]:
    return [(attempt.provider, attempt.hedge, attempt.outcome) for attempt in job.attempts]


def test_a_hedge_stands_in_the_ledger_beside_the_attempt() -> None:
    job = hedged()
    assert ledger(job) == [("echo", False, None), ("second", True, None)]
    assert [attempt.n for attempt in job.running] == [1, 2]
    assert (job.provider, job.input) == (None, {}), "the first one still counts"


@pytest.mark.parametrize(("winner", "provider", "given"), [(1, "echo", {}), (2, "second", {"prompt": "y"})])
def test_the_first_result_counts_and_the_other_attempt_says_why_it_ended(
    winner: int, provider: str, given: dict[str, str]
) -> None:
    outputs = (Output(index=0, kind="text", text="hi"),)
    job = apply(hedged(), e.Succeeded(at=9.0, outputs=outputs, attempt=winner))
    assert (job.status, job.provider, job.input, job.outputs) == (Status.SUCCEEDED, provider, given, outputs)
    won, lost = job.attempts[winner - 1], job.attempts[2 - winner]
    assert (won.outcome, won.notes) == ("succeeded", ())
    assert (lost.outcome, lost.notes) == ("canceled", (f"hedge lost: attempt {winner} had its result first",))
    assert (won.ended_at, lost.ended_at, lost.input) == (9.0, 9.0, None)


def test_where_the_first_fails_the_hedge_is_the_jobs_attempt() -> None:
    job = apply(hedged(), EVENTS[e.AttemptFailed])
    assert ledger(job) == [("echo", False, "failed"), ("second", True, None)]
    assert (job.status, job.provider, job.input, job.route) == (Status.RUNNING, "second", {"prompt": "y"}, ("second",))
    assert job.attempts[0].error == FAILURE
    done = apply(job, e.Succeeded(at=9.0, outputs=(), attempt=2))
    assert ledger(done) == [("echo", False, "failed"), ("second", True, "succeeded")]
    assert done.attempts[0].notes == ()


def test_where_the_hedge_fails_the_first_goes_on() -> None:
    job = apply(hedged(), e.AttemptFailed(at=2.0, attempt=2, error=FAILURE, route=("echo",)))
    assert ledger(job) == [("echo", False, None), ("second", True, "failed")]
    assert apply(job, EVENTS[e.Requeued]).attempts[1].ended_at == 2.0


@pytest.mark.parametrize("kind", [e.Canceled, e.Failed, e.Requeued])
def test_what_ends_the_job_or_its_lease_ends_both(kind: type[e.Event]) -> None:
    job = apply(hedged(), EVENTS[kind])
    assert job.running == ()
    assert len({attempt.outcome for attempt in job.attempts}) == 1


def test_a_note_goes_to_the_attempt_it_is_about() -> None:
    job = apply(hedged(), e.Noted(at=2.0, note="resumed", attempt=1))
    assert [attempt.notes for attempt in job.attempts] == [("resumed",), ()]


def test_a_single_job_stays_where_it_began() -> None:
    job = replace(job_in(Status.QUEUED), strategy="single", route=("first", "echo", "last"))
    assert apply(job, EVENTS[e.Started]).route == ("echo",)


def test_a_text_so_far_grows_is_mended_and_is_gone_at_the_end() -> None:
    job = job_in(Status.RUNNING)
    steps = (
        (e.Wrote(at=2.0, text="a red"), "a red"),
        (e.Progressed(at=2.0, stage="generating", fraction=0.5), "a red"),
        (e.Wrote(at=2.0, text=" square", kept=5), "a red square"),
        (e.Wrote(at=2.0, text="circle", kept=6), "a red circle"),
        (e.Succeeded(at=2.0, outputs=(), warnings=("x",)), None),
    )
    for event, partial in steps:
        job = apply(job, event)
        assert job.progress is not None
        assert job.progress.partial == partial
    assert job.warnings == ("x",)


def test_a_text_so_far_does_not_outlive_its_attempt() -> None:
    job = apply(job_in(Status.RUNNING), e.Wrote(at=2.0, text="a"))
    hedged = apply(job, e.Hedged(at=2.0, provider="second", worker="w", input={}))
    failed = apply(hedged, e.AttemptFailed(at=2.0, attempt=1, error=FAILURE, route=()))
    assert failed.progress is not None
    assert failed.progress.partial is None
    assert apply(job, e.Requeued(at=2.0, outcome="lost")).progress is None
