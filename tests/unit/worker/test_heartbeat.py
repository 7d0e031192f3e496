"""The heartbeat renews leases, brings cancels, hands back, and never ends unnoticed."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from jobs import events
from jobs.errors import LeaseLost, StoreUnavailable
from jobs.record import keys
from jobs.record.types import Lease
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts
from worker.attempts.reasons import CANCELED, HANDED_BACK, LEASE_LOST
from worker.heartbeat import Heartbeat, Timings

QUICK = Timings(beat=0.02, tick=0.02)


class Watched:
    """A run that only remembers why it was ended, and how often it was looked at."""

    attempts = 1

    def __init__(self, lease: Lease) -> None:
        self.job_id = lease.job.id
        self.fence = lease.fence
        self.reasons: list[str] = []
        self.ticks = 0
        self.error: Exception | None = None
        self.kept = ExitStack()

    def cancel(self, reason: str) -> None:
        self.reasons.append(reason)

    def tick(self) -> None:
        self.ticks += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def heartbeat(parts: WorkerParts) -> Heartbeat:
    return Heartbeat(parts.leases, "w", 4, 60, parts.counters, QUICK)


def held(parts: WorkerParts, heartbeat: Heartbeat, job_id: str | None = None) -> Watched:
    """A job that runs here."""
    run = Watched(parts.claim(job_id or parts.submit()))
    run.kept.enter_context(heartbeat.keeping(run))
    return run


def test_a_beat_renews_the_leases_of_what_runs(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    run = held(parts, heartbeat)
    parts.connection.client.zadd(keys.RUNNING, {run.job_id: 1})
    heartbeat.beat()
    assert parts.queue.lost() == ()
    assert dict(parts.queue.overview().workers) == {"w": 4}


def test_a_lost_lease_ends_the_run(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    run = held(parts, heartbeat)
    parts.store.change(run.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    heartbeat.beat()
    assert run.reasons == [LEASE_LOST]


def test_a_cancel_in_the_record_ends_the_run(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    run = held(parts, heartbeat)
    parts.store.change(run.job_id, lambda _: events.CancelRequested(at=1.0))
    heartbeat.beat()
    assert run.reasons == [CANCELED]


def test_the_end_of_an_old_run_leaves_the_jobs_next_one_alive(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    old = held(parts, heartbeat)
    parts.store.change(old.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    new = held(parts, heartbeat, old.job_id)
    heartbeat.beat()
    assert (old.reasons, new.reasons) == ([LEASE_LOST], [])
    old.kept.close()
    assert heartbeat.running() == (new,)


def test_a_draining_worker_offers_just_what_it_uses_and_hands_back_in_time(
    parts: WorkerParts, heartbeat: Heartbeat
) -> None:
    run = held(parts, heartbeat)
    heartbeat.drain(patiently=True)
    heartbeat.beat()
    assert dict(parts.queue.overview().workers) == {"w": 1}
    assert run.reasons == []
    heartbeat.drain(patiently=False)
    heartbeat.start()
    eventually(lambda: HANDED_BACK in run.reasons, "the job is handed back", within=5)
    run.kept.close()
    heartbeat.stop()
    assert dict(parts.queue.overview().workers) == {}


def test_a_heartbeat_goes_on_after_an_outage(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    beats: list[str] = []

    def flaky() -> None:
        beats.append("beat")
        if len(beats) == 2:
            raise StoreUnavailable("gone")

    parts.leases.before["beat"] = flaky
    heartbeat.start()
    eventually(lambda: len(beats) > 4, "it beats again", within=5)
    heartbeat.stop()


def test_a_heartbeat_that_stops_takes_the_process_with_it(parts: WorkerParts) -> None:
    died = threading.Event()

    def broken() -> None:
        raise ValueError("unforeseen")

    parts.leases.before["wait_for_cancels"] = broken
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, die=died.set)
    heartbeat.start()
    assert died.wait(5)
    heartbeat.stop()


@pytest.mark.parametrize("error", [LeaseLost("it is over"), ValueError("unforeseen")])
def test_a_run_whose_tick_fails_keeps_no_other_from_its_own(
    parts: WorkerParts, heartbeat: Heartbeat, error: Exception
) -> None:
    bad, good = held(parts, heartbeat), held(parts, heartbeat)
    bad.error = error
    heartbeat.start()
    eventually(lambda: min(bad.ticks, good.ticks) > 2, "both are looked at", within=5)
    heartbeat.stop()
