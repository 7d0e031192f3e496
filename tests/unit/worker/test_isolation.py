"""Suspects run apart, a few at once; one that finds no place keeps no slot, and a process that hangs keeps no place."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from jobs import events
from jobs.model import Status
from resilience import aside
from tests.support.eventually import eventually
from tests.support.worker_parts import WorkerParts
from worker.attempts.claim import Claimer
from worker.isolation import Isolation, NoPlace


class Apart:
    """Isolation whose processes do what a test says: they live until their file is there."""

    def __init__(self, parts: WorkerParts, slots: int = 2, stuck: float = 60.0) -> None:
        self.folder = parts.folder
        self.draining = threading.Event()
        code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)"
        command = (sys.executable, "-c", f"import os; os.chdir({str(self.folder)!r})\n{code}")
        self.isolation = Isolation(parts.store, slots, self.draining.is_set, command, stuck)
        self.started: list[Future[None]] = []

    def run(self, job_id: str) -> Future[None]:
        """Run it in a thread, as the pool does."""
        self.started.append(aside("slot", lambda: self.isolation.run(job_id)))
        return self.started[-1]

    def end(self, job_id: str) -> None:
        """Let its process end."""
        (self.folder / job_id).touch()

    def is_running(self, job_id: str) -> bool:
        return job_id in self.isolation._running


@pytest.mark.parametrize(("slots", "places"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (32, 4)])
def test_suspects_get_at_most_half_of_the_slots(parts: WorkerParts, slots: int, places: int) -> None:
    apart = Apart(parts, slots)
    jobs = [f"job_{n}" for n in range(places)]
    for job_id in jobs:
        apart.run(job_id)
    eventually(lambda: all(map(apart.is_running, jobs)), "they run", within=10)
    began = time.monotonic()
    with pytest.raises(NoPlace):
        apart.isolation.run("job_more")
    assert time.monotonic() - began < 0.5, "it does not wait in its slot"
    for job_id in jobs:
        apart.end(job_id)
    assert not wait(apart.started, 10).not_done
    apart.end("job_more")
    apart.isolation.run("job_more")


def test_a_message_that_comes_twice_starts_no_second_process(parts: WorkerParts) -> None:
    apart = Apart(parts, 8)
    first = apart.run("job_1")
    eventually(lambda: apart.is_running("job_1"), "it runs", within=10)
    apart.isolation.run("job_1")
    assert not first.done()
    apart.end("job_1")
    first.result(10)


def test_where_no_process_can_be_started_the_place_is_free_again(parts: WorkerParts) -> None:
    isolation = Isolation(parts.store, 2, lambda: False, ("/nonexistent/python",))
    for _ in range(3):
        with pytest.raises(NoPlace, match="no process can be started"):
            isolation.run("job_1")


def test_a_process_whose_job_does_not_run_is_ended(parts: WorkerParts) -> None:
    apart = Apart(parts, stuck=1.0)
    lost, deleted = parts.submit(), "job_deleted"
    for job_id in (lost, deleted):
        apart.run(job_id).result(10)


def test_a_process_whose_job_runs_may_take_its_time(parts: WorkerParts) -> None:
    apart = Apart(parts, stuck=0.6)
    job_id = parts.claim(parts.submit()).job.id
    running = apart.run(job_id)
    with pytest.raises(TimeoutError):
        running.result(2.0)
    parts.store.change(job_id, lambda _: events.Requeued(at=1.0, outcome="lost"))
    running.result(5)


def test_a_worker_that_stops_ends_them(parts: WorkerParts) -> None:
    apart = Apart(parts)
    running = apart.run("job_1")
    eventually(lambda: apart.is_running("job_1"), "it runs", within=10)
    apart.draining.set()
    running.result(5)


def test_a_job_that_is_put_off_gives_back_what_it_held(parts: WorkerParts, tmp_path: Path) -> None:
    """Its slot, too: as long as it counted as sent, no other job would be."""
    assert tmp_path.exists()
    job_id = parts.submit()
    parts.leases.beat("w", 1, 60, [])
    assert parts.queue.choose() == (job_id,)
    other = parts.submit()
    assert parts.queue.choose() == ()
    claimer = Claimer(parts.parts, parts.shared().live.fresh)
    claimer.put_off(job_id, 10)
    job = parts.job(job_id)
    assert (job.status, job.waiting, job.attempts) == (Status.QUEUED, "workers_busy", ())
    assert parts.queue.choose() == (other,)
    # A message that comes late finds nothing to put off.
    before = parts.store.get(job_id).version
    claimer.put_off(job_id, 10)
    assert parts.store.get(job_id).version == before
