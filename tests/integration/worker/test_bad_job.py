"""A job that ends every worker it runs on: it ends as worker_lost, and nobody else pays for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Process, Stack

pytestmark = pytest.mark.real


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
    with Stack(tmp_path / "stack", lease_seconds=2, environ=environ) as stack:
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
        (job,) = stack.wait_for_status([bad], seconds=60)
        assert (job.status, job.error.code if job.error else None) == ("failed", "worker_lost")
        assert len(job.attempts) == 3
        ended = stack.wait_for_status(neighbours, seconds=60)
    finally:
        over.set()
        supervisor.join()
    assert {neighbour.status for neighbour in ended} == {"succeeded"}
    assert {tuple(attempt.outcome for attempt in neighbour.attempts) for neighbour in ended} == {
        ("lost", "lost", "succeeded")
    }
