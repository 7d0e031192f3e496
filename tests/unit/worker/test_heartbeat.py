"""The heartbeat renews leases, brings cancels, hands back, and never ends unnoticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from jobs import events, metrics
from jobs.errors import LeaseLost, StoreUnavailable
from jobs.record import keys
from jobs.record.counters import read
from jobs.record.types import Lease
from resilience import EXIT_STATUS, aside
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts
from worker.attempts.outcome import CANCELED, HANDED_BACK, LEASE_LOST
from worker.heartbeat import Heartbeat, Timings

QUICK = Timings(beat=0.02, tick=0.02)


class Foreign(BaseException):
    """Of a driver that means to end more than its own attempt."""


class Watched:
    """A run that only remembers why it was ended, and how often it was looked at."""

    attempts = 1

    def __init__(self, lease: Lease) -> None:
        self.job_id = lease.job.id
        self.fence = lease.fence
        self.reasons: list[str] = []
        self.ticks = 0
        self.error: BaseException | None = None
        self.cannot_be_ended = False
        self.is_told_to_end = False
        self.kept = ExitStack()

    def run(self) -> None:
        """Nothing: the test says how long it runs."""

    def cancel(self, reason: str) -> None:
        if self.cannot_be_ended:
            raise KeyError(reason)
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


def test_a_run_that_does_not_end_loses_its_lease_and_its_slot_and_no_other_is_hurt(parts: WorkerParts) -> None:
    """A driver in a package of somebody's own may ignore that it was told to end."""
    deaths, timings = Deaths(), Timings(beat=0.02, tick=0.02, stuck=0.3)
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, timings, die=deaths)
    stuck, good = held(parts, heartbeat), held(parts, heartbeat)
    stuck.is_told_to_end = True
    heartbeat.start()
    eventually(lambda: dict(parts.queue.overview().workers) == {"w": 3}, "its slot is gone", within=5)
    for run in (stuck, good):
        parts.connection.client.zadd(keys.RUNNING, {run.job_id: 1})
    eventually(lambda: parts.queue.lost() == (stuck.job_id,), "only its lease is over", within=5)
    time.sleep(0.2)
    assert (deaths.statuses, heartbeat.draining, good.reasons) == ([], False, [])
    good.kept.close()
    eventually(lambda: deaths.statuses == [EXIT_STATUS], "nothing else runs, so the process makes room", within=5)
    assert heartbeat.draining, "it took no job meanwhile"
    heartbeat.stop()


def test_a_run_that_ends_in_time_is_not_given_up(parts: WorkerParts) -> None:
    deaths, timings = Deaths(), Timings(beat=0.02, tick=0.02, stuck=0.5)
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, timings, die=deaths)
    run = held(parts, heartbeat)
    run.is_told_to_end = True
    heartbeat.start()
    time.sleep(0.2)
    run.kept.close()
    time.sleep(0.5)
    heartbeat.stop()
    assert deaths.statuses == []


def test_the_time_to_end_does_not_pass_while_redis_is_away(parts: WorkerParts) -> None:
    """The run may have ended, and wait to write that."""
    deaths, timings = Deaths(), Timings(beat=0.02, tick=0.02, stuck=0.3)
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, timings, die=deaths)
    held(parts, heartbeat).is_told_to_end = True
    heartbeat.start()
    parts.leases.before["beat"] = failing(StoreUnavailable("gone"))
    time.sleep(1.0)
    assert deaths.statuses == []
    parts.leases.before.clear()
    eventually(lambda: deaths.statuses == [EXIT_STATUS], within=5)
    heartbeat.stop()


def test_a_driver_that_ignores_its_control_ends_no_more_than_its_own_attempt(parts: WorkerParts) -> None:
    """The same with a real run: it is canceled, and its driver goes on."""
    over, deaths, timings = threading.Event(), Deaths(), Timings(beat=0.02, tick=0.02, stuck=0.3)
    parts.script(lambda _: over.wait(30) and None)
    runner = parts.runner()
    heartbeat = Heartbeat(parts.leases, "w", 2, 60, parts.counters, timings, die=deaths)

    def work() -> None:
        with heartbeat.keeping(runner):
            runner.run()

    done = aside("slot", work)
    heartbeat.start()
    parts.store.change(runner.job_id, lambda _: events.CancelRequested(at=1.0))
    eventually(lambda: deaths.statuses == [EXIT_STATUS], "the process makes room", within=5)
    over.set()
    done.result(10)
    heartbeat.stop()


class Deaths:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def __call__(self, status: int) -> None:
        self.statuses.append(status)


def failing(error: BaseException, times: int | None = None) -> Callable[[], None]:
    """A hook that raises an error so many times; None: always."""
    left = [times]

    def fail() -> None:
        if left[0] is None:
            raise error
        if left[0] > 0:
            left[0] -= 1
            raise error

    return fail


@pytest.mark.parametrize("part", ["beat", "wait_for_cancels"])
@pytest.mark.parametrize("error", [SystemExit(1), MemoryError(), Foreign()])
def test_what_ends_the_heartbeat_ends_the_process_at_once(
    parts: WorkerParts, part: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    deaths = Deaths()
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, QUICK, die=deaths)
    heartbeat.start()
    parts.leases.before[part] = failing(error)
    eventually(lambda: deaths.statuses == [EXIT_STATUS], "the process ends", within=2)
    parts.leases.before.clear()
    heartbeat.stop()
    assert "the thread heartbeat cannot go on; the process ends, to be started again" in caplog.messages


def test_what_ends_the_ticks_ends_the_process(parts: WorkerParts) -> None:
    deaths = Deaths()
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, QUICK, die=deaths)
    run = held(parts, heartbeat)
    run.error = SystemExit(1)
    heartbeat.start()
    eventually(lambda: deaths.statuses == [EXIT_STATUS], "the process ends", within=2)
    heartbeat.stop()


def test_an_unforeseen_error_costs_one_beat(parts: WorkerParts) -> None:
    """A lease holds for many."""
    deaths = Deaths()
    heartbeat = Heartbeat(parts.leases, "w", 4, 60, parts.counters, QUICK, die=deaths)
    run = held(parts, heartbeat)
    heartbeat.start()
    parts.leases.before["beat"] = failing(ValueError("unforeseen"), 3)
    parts.connection.client.zadd(keys.RUNNING, {run.job_id: 1})
    eventually(lambda: parts.queue.lost() == (), "its lease is renewed", within=5)
    heartbeat.stop()
    assert deaths.statuses == []
    assert counted(parts, "heartbeat") == 3


def test_beats_that_fail_for_half_a_lease_end_the_process(parts: WorkerParts) -> None:
    deaths = Deaths()
    heartbeat = Heartbeat(parts.leases, "w", 4, 1.0, parts.counters, QUICK, die=deaths)
    heartbeat.start()
    parts.leases.before["beat"] = failing(ValueError("unforeseen"))
    began = time.monotonic()
    eventually(lambda: deaths.statuses == [EXIT_STATUS], "the process ends", within=5)
    assert 0.4 < time.monotonic() - began < 1.0
    parts.leases.before.clear()
    heartbeat.stop()


@pytest.mark.parametrize("entry", [{b"other": b"x"}, {b"cancel": b"\xff"}])
def test_a_cancel_that_cannot_be_read_ends_no_worker_and_hides_no_other(
    parts: WorkerParts, entry: dict[Any, Any]
) -> None:
    """All workers read the same log."""
    deaths = Deaths()
    timings = Timings(beat=0.2, tick=0.02)
    heartbeat = Heartbeat(parts.leases, "w", 4, 2.0, parts.counters, timings, die=deaths)
    run = held(parts, heartbeat)
    heartbeat.start()
    waiting = parts.connection.client
    eventually(lambda: waiting.xadd(keys.CONTROL, entry) and counted(parts, "heartbeat"), "it was read", within=5)
    parts.store.change(run.job_id, lambda _: events.CancelRequested(at=1.0))
    eventually(lambda: CANCELED in run.reasons, "the cancel comes all the same", within=5)
    heartbeat.stop()
    assert deaths.statuses == []


def test_a_run_that_cannot_be_ended_keeps_no_other_from_its_end(parts: WorkerParts, heartbeat: Heartbeat) -> None:
    runs = [held(parts, heartbeat) for _ in range(2)]
    for run in runs:
        run.cannot_be_ended = run is heartbeat.running()[0]
        parts.store.change(run.job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    heartbeat.beat()
    assert [run.reasons for run in runs if not run.cannot_be_ended] == [[LEASE_LOST]]


def counted(parts: WorkerParts, thread: str) -> float:
    """How many errors of a thread were counted."""
    parts.counters.flush()
    return read(parts.connection).get((metrics.THREAD_ERRORS.name, "", thread), 0.0)


@pytest.mark.parametrize("error", [LeaseLost("it is over"), ValueError("unforeseen")])
def test_a_run_whose_tick_fails_keeps_no_other_from_its_own(
    parts: WorkerParts, heartbeat: Heartbeat, error: Exception
) -> None:
    bad, good = held(parts, heartbeat), held(parts, heartbeat)
    bad.error = error
    heartbeat.start()
    eventually(lambda: min(bad.ticks, good.ticks) > 2, "both are looked at", within=5)
    heartbeat.stop()
