"""Processes that are stopped for longer than a lease and go on, as on a machine that sleeps; and two schedulers at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs import events
from tests.support.processes import Process, Stack

pytestmark = pytest.mark.real

LEASE_SECONDS = 2
#: Longer than a lease, and than the scheduler looks before it judges leases.
STOPPED_SECONDS = 8.0
ENDS = events.Succeeded | events.Failed | events.Canceled | events.Expired


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", lease_seconds=LEASE_SECONDS) as stack:
        yield stack


@contextmanager
def stopped(*processes: Process) -> Iterator[None]:
    """Stop processes for the block, and let the first one go on first."""
    for process in processes:
        process.popen.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.popen.send_signal(signal.SIGCONT)
            time.sleep(1.0)


def attempts(stack: Stack, jobs: list[str]) -> set[tuple[str | None, ...]]:
    """The outcomes of their attempts, once each job has ended once."""
    found = stack.wait_for_status(jobs, seconds=60)
    for job_id in jobs:
        assert sum(isinstance(entry.event, ENDS) for entry in stack.store.log(job_id)) == 1
    return {tuple(attempt.outcome for attempt in job.attempts) for job in found}


def test_a_machine_that_slept_loses_no_attempt(stack: Stack) -> None:
    """The scheduler goes on a second before the worker, whose leases are all over by then."""
    scheduler, worker = stack.scheduler(), stack.worker()
    jobs = [stack.submit("wait 4s", "image") for _ in range(5)]
    stack.wait_for_status(jobs, "running")
    time.sleep(1.0)
    with stopped(scheduler, worker):
        time.sleep(STOPPED_SECONDS)
    assert attempts(stack, jobs) == {("succeeded",)}


@pytest.mark.soak
def test_a_worker_that_was_stopped_changes_nothing_that_another_one_has(stack: Stack) -> None:
    stack.scheduler()
    first = stack.worker("worker1", DARKROOM_WORKER_CONCURRENCY="3")
    jobs = [stack.submit("wait 3s", "image") for _ in range(3)]
    stack.wait_for_status(jobs, "running")
    with stopped(first):
        stack.worker("worker2")
        assert attempts(stack, jobs) == {("lost", "succeeded")}
    time.sleep(2.0)
    assert attempts(stack, jobs) == {("lost", "succeeded")}
    assert first.alive


@pytest.mark.soak
def test_two_schedulers_of_which_one_is_stopped_do_each_thing_once(stack: Stack) -> None:
    first, _ = stack.scheduler("scheduler1"), stack.scheduler("scheduler2")
    worker = stack.worker()
    jobs = [stack.submit("wait 6s", "image") for _ in range(5)]
    stack.wait_for_status(jobs, "running")
    with stopped(first):
        # What it was about to repair, the other one repairs.
        worker.kill()
        stack.worker("worker2")
        late = [stack.submit("image") for _ in range(5)]
        assert attempts(stack, late) == {("succeeded",)}
        stack.wait_for_status(jobs, "running")
        time.sleep(STOPPED_SECONDS - LEASE_SECONDS)
    assert attempts(stack, jobs) == {("lost", "succeeded")}
