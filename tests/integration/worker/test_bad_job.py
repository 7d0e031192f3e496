"""A job that ends every worker it runs on: it ends as worker_lost, and nobody else pays for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import events
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from tests.support.processes import Process, Stack
from tests.support.sample_jobs import make_job

pytestmark = [pytest.mark.real, pytest.mark.timeout(420)]

#: Seconds for jobs to end that need three workers, one after the other, on a machine that does much else.
PATIENCE = 180


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose worker gets SIGKILL whenever it claims a job for the provider ``bad``."""
    config = tmp_path / "providers.toml"
    config.write_text(
        '[providers.bad]\ndriver = "space"\nurl = "http://127.0.0.1:9"\napi_name = "/x"\nmodels = ["bad"]\n'
    )
    environ = {
        "DARKROOM_CONFIG": str(config),
        "DARKROOM_TEST_MODE": "on",
        "DARKROOM_TEST_FAILPOINTS": "after_claim/bad:kill@*",
    }
    # A heart that a busy machine keeps waiting for two seconds must not count as a worker that ended.
    with Stack(tmp_path / "stack", lease_seconds=6, environ=environ) as stack:
        yield stack


def keep_alive(stack: Stack, first: Process, over: threading.Event) -> None:
    """Start the worker again whenever it ends, as a supervisor does."""
    worker, number = first, 1
    while not over.wait(0.1):
        if not worker.alive:
            number += 1
            worker = stack.worker(f"worker{number}")


def test_a_job_that_ends_its_workers_ends_alone(stack: Stack) -> None:
    stack.scheduler()
    over = threading.Event()
    supervisor = threading.Thread(target=keep_alive, args=(stack, stack.worker("worker1"), over))
    neighbours = [stack.submit("wait 6s", "image") for _ in range(5)]
    stack.wait_for_status(neighbours, "running")
    bad = stack.submit(model="bad")
    supervisor.start()
    try:
        (job,) = stack.wait_for_status([bad], seconds=PATIENCE)
        assert (job.status, job.error.code if job.error else None) == ("failed", "worker_lost")
        assert len(job.attempts) == 3
        ended = stack.wait_for_status(neighbours, seconds=PATIENCE)
    finally:
        over.set()
        supervisor.join()
    assert {neighbour.status for neighbour in ended} == {"succeeded"}
    outcomes = {tuple(attempt.outcome for attempt in neighbour.attempts) for neighbour in ended}
    # On a busy machine a neighbour may end before the second worker does: it has lost one attempt, and not two.
    assert ("lost", "lost", "succeeded") in outcomes
    assert outcomes <= {("lost", "lost", "succeeded"), ("lost", "succeeded")}


def make_suspects(stack: Stack, count: int, *script: str) -> list[str]:
    """Jobs under which two workers ended, as the record knows it."""
    fake, jobs = FakeWorker(stack), [stack.submit(*script) for _ in range(count)]
    for _ in range(2):
        for job_id in jobs:
            fake.claim(stack.job(job_id))
            at = stack.store.now()
            stack.store.change(job_id, lambda _, at=at: events.Requeued(at=at, outcome="lost"))  # type: ignore[misc]
    fake.leases.beat("w1", 0, 1, [])
    return jobs


@pytest.mark.soak
def test_suspects_leave_the_others_their_slots(tmp_path: Path) -> None:
    """Of two slots one is for them, however many wait; and they all have their turn."""
    with Stack(tmp_path / "stack", environ={"DARKROOM_WORKER_CONCURRENCY": "2"}) as stack:
        suspects = make_suspects(stack, 4, "wait 8s", "image")
        stack.scheduler()
        stack.worker()
        stack.wait_for_status(suspects[:1], "running", seconds=20)
        time.sleep(2)  # the others have asked for their place by now
        healthy = [stack.submit("image") for _ in range(5)]
        began = time.monotonic()
        ended = stack.wait_for_status(healthy, seconds=20)
        assert {job.status for job in ended} == {"succeeded"}
        assert time.monotonic() - began < 6.0
        assert sum(job.status.is_terminal for job in map(stack.job, suspects)) <= 1
        ended = stack.wait_for_status(suspects, seconds=90)
        assert {job.status for job in ended} == {"succeeded"}


_DRIVERS = """
from providers.testing import ScriptedDriver

class Own(BaseException):
    pass

def driver(name, error):
    def fail(control):
        raise error
    return lambda config: ScriptedDriver([fail], name=name, model=name)

exiting, exhausted, own = driver("exiting", SystemExit(3)), driver("exhausted", MemoryError()), driver("own", Own())
"""


def test_a_driver_that_means_to_end_its_process_takes_no_slot_with_it(tmp_path: Path) -> None:
    """Installed as somebody's own package; more of its jobs than the worker has slots."""
    names = ("exiting", "exhausted", "own")
    info = tmp_path / "packages" / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    lines = "".join(f"{name} = acme_drivers:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[darkroom.drivers]\n{lines}")
    (info.parent / "acme_drivers.py").write_text(_DRIVERS)
    environ = {"PYTHONPATH": str(info.parent), "DARKROOM_WORKER_CONCURRENCY": "2"}
    with Stack(tmp_path / "stack", environ=environ) as stack:
        bad = [make_job(owner="local", user="local", model=name, route=(name,)) for name in names for _ in range(2)]
        worker = stack.worker()
        stack.scheduler()
        for job in bad:
            stack.store.accept(job)
            stack.dispatcher.dispatch()
        eventually(lambda: all(stack.job(job.id).attempts for job in bad), stack.logs, within=40)
        good = [stack.submit("image") for _ in range(6)]
        assert {job.status for job in stack.wait_for_status(good, seconds=20)} == {"succeeded"}
        assert worker.alive
