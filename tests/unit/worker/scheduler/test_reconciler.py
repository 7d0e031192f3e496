"""What a crash leaves is repaired, once, and never what is alive."""

from __future__ import annotations

from typing import Any

import pytest

from jobs import events
from jobs.errors import JobGone
from jobs.files.uploads import Uploads
from jobs.model import Attempt, Job, Status
from jobs.record import keys
from tests.support.clock import Clock
from tests.support.records import take_messages
from tests.support.worker_parts import WorkerParts, away
from worker.scheduler.reconciler import CALM_SECONDS, Reconciler, decide


def make(status: Status = Status.RUNNING, outcomes: tuple[str, ...] = (), **changes: Any) -> Job:
    attempts = [
        Attempt(n=n, provider="a", worker="w", started_at=0.0, ended_at=1.0, outcome=outcome)  # type: ignore[arg-type]
        for n, outcome in enumerate(outcomes, 1)
    ]
    if status is Status.RUNNING:
        attempts.append(Attempt(n=len(attempts) + 1, provider="a", worker="w", started_at=2.0))
    fields: dict[str, Any] = {
        "id": "job_1", "owner": "o", "user": "o", "model": "m", "route": ("a",), "given": {}, "input": {},
        "created_at": 0.0, "status": status, "attempts": tuple(attempts), **changes,
    }  # fmt: skip
    return Job(**fields)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (make(Status.QUEUED), None),
        (make(Status.QUEUED, deadline_at=101.0), None),
        (make(Status.QUEUED, deadline_at=100.0), "Expired"),
        (make(), "Requeued lost"),
        (make(outcomes=("lost",)), "Requeued lost"),
        (make(outcomes=("lost", "failed")), "Failed worker_lost"),
        (make(outcomes=("lost", "lost")), "Failed worker_lost"),
        (make(outcomes=("failed", "failed")), "Failed worker_lost"),
        (make(outcomes=("handed_back", "handed_back", "lost")), "Requeued lost"),
        (make(cancel_requested_at=50.0), "Canceled"),
        (make(outcomes=("lost", "lost"), cancel_requested_at=50.0), "Canceled"),
        (make(deadline_at=99.0), "Failed deadline_exceeded"),
        (make(Status.SUCCEEDED), None),
        (make(Status.EXPIRED, deadline_at=99.0), None),
    ],
)
def test_the_decision_is_a_table(job: Job, expected: str | None) -> None:
    event = decide(job, 100.0)
    found = None if event is None else type(event).__name__
    if isinstance(event, events.Failed):
        found = f"Failed {event.error.code}"
    if isinstance(event, events.Requeued):
        found = f"Requeued {event.outcome}"
    assert found == expected


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reconciler(parts: WorkerParts, clock: Clock, **timings: float) -> Reconciler:
    """A scheduler's reconciler that has just started."""
    return Reconciler(
        parts.shared(),
        Uploads(parts.connection, parts.artifacts, 1 << 20),
        clock=clock,
        **timings,
    )


@pytest.fixture
def repairs(parts: WorkerParts, clock: Clock) -> Reconciler:
    """One that has run for a while."""
    found = reconciler(parts, clock)
    clock.at += CALM_SECONDS
    return found


def test_a_lost_job_runs_again(parts: WorkerParts, repairs: Reconciler) -> None:
    job_id = parts.submit(route=("a",))
    parts.claim(job_id, lease_seconds=0)
    take_messages(parts.connection)
    assert repairs.round() > 0
    job = parts.job(job_id)
    assert (job.status, job.attempts[-1].outcome, job.attempts[-1].error.code) == ("queued", "lost", "worker_lost")  # type: ignore[union-attr]
    assert take_messages(parts.connection) == [job_id]


def test_a_lease_that_was_renewed_in_the_last_moment_is_left_alone(parts: WorkerParts, repairs: Reconciler) -> None:
    job_id = parts.submit(route=("a",))
    lease = parts.claim(job_id, lease_seconds=0)
    assert parts.queue.lost() == (job_id,)
    parts.leases.beat("w", 8, 60, [(job_id, lease.fence)])
    assert repairs._apply(job_id, parts.store.now()) == 0
    assert parts.job(job_id).status is Status.RUNNING


def test_leases_are_not_judged_right_after_an_outage_or_a_start(
    parts: WorkerParts, repairs: Reconciler, clock: Clock
) -> None:
    job_id = parts.submit(route=("a",))
    parts.claim(job_id, lease_seconds=0)
    parts.queue.before["overdue"] = away
    assert repairs.round() == 0
    parts.queue.before.clear()
    repairs.round()
    reconciler(parts, clock).round()
    assert parts.job(job_id).status is Status.RUNNING
    clock.at += CALM_SECONDS
    repairs.round()
    assert parts.job(job_id).status is Status.QUEUED


def test_no_lease_is_judged_just_after_writes_were_refused(
    parts: WorkerParts, repairs: Reconciler, clock: Clock
) -> None:
    parts.connection.is_read_only = True
    assert repairs.round() == 0
    parts.connection.is_read_only = False
    job_id = parts.submit(route=("a",))
    parts.claim(job_id, lease_seconds=0)
    repairs.round()
    assert parts.job(job_id).status is Status.RUNNING
    clock.at += CALM_SECONDS
    repairs.round()
    assert parts.job(job_id).status is Status.QUEUED


@pytest.mark.parametrize("seconds", [120, -120])
def test_no_lease_is_judged_just_after_the_servers_clock_was_set(
    parts: WorkerParts, repairs: Reconciler, clock: Clock, seconds: int
) -> None:
    """Ahead, all leases seem over until the workers' next beat."""
    lease = parts.claim(parts.submit(route=("a",)))
    alive, fence, dead = lease.job.id, lease.fence, parts.claim(parts.submit(route=("a",))).job.id
    repairs.round()
    parts.connection.set_by = seconds
    # What a clock that is ahead makes of them.
    parts.connection.client.zadd(keys.RUNNING, {alive: 1, dead: 1})
    repairs.round()
    assert {parts.job(job_id).status for job_id in (alive, dead)} == {Status.RUNNING}
    parts.leases.beat("w", 8, 60, [(alive, fence)])
    clock.at += CALM_SECONDS
    repairs.round()
    assert (parts.job(alive).status, parts.job(dead).status) == (Status.RUNNING, Status.QUEUED)


def test_a_job_past_its_deadline_expires(parts: WorkerParts, repairs: Reconciler) -> None:
    job_id = parts.submit(deadline_at=parts.store.now() - 1)
    repairs.round()
    assert parts.job(job_id).status is Status.EXPIRED


def test_a_job_past_its_retention_leaves_a_tombstone_and_no_files(parts: WorkerParts, repairs: Reconciler) -> None:
    job_id = parts.submit(retention_seconds=0)
    parts.artifacts.put(job_id, b"data")
    parts.store.change(job_id, lambda _: events.Canceled(at=parts.store.now() - 1))
    repairs.round()
    with pytest.raises(JobGone) as gone:
        parts.store.get(job_id)
    assert (gone.value.tombstone.reason, parts.files(job_id)) == ("expired", [])


def test_a_message_is_sent_again_only_when_it_was_really_lost(parts: WorkerParts, clock: Clock) -> None:
    repairs = reconciler(parts, clock, lost_message=-1.0)
    job_id = parts.submit(route=("a",))
    parts.leases.beat("w", 8, 60, [])
    parts.queue.choose()
    repairs.round()
    assert take_messages(parts.connection) == [job_id]
    repairs.round()
    assert take_messages(parts.connection) == [job_id]


def test_a_record_that_cannot_be_read_keeps_no_other_from_being_repaired(
    parts: WorkerParts, repairs: Reconciler
) -> None:
    bad, good = (parts.claim(parts.submit(route=("a",)), lease_seconds=0).job.id for _ in range(2))
    parts.connection.client.hset(keys.job(bad), "doc", b"not json")
    repairs.round()
    assert parts.job(good).status is Status.QUEUED


def test_two_schedulers_do_a_thing_once(parts: WorkerParts, repairs: Reconciler, clock: Clock) -> None:
    job_id = parts.submit(route=("a",))
    parts.claim(job_id, lease_seconds=0)
    take_messages(parts.connection)
    other = reconciler(parts, clock)
    clock.at += CALM_SECONDS
    repairs.round()
    other.round()
    assert [attempt.outcome for attempt in parts.job(job_id).attempts] == ["lost"]
    assert take_messages(parts.connection) == [job_id]
