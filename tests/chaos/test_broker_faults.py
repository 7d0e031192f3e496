"""What comes from the broker ends no worker: rubbish (fault F29), the same message five times (F30), a change of role (F13)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs.record.messages import QUEUE
from tests.chaos.poison import POISON_MESSAGES
from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.acceptance]


def test_what_is_no_message_ends_no_worker_and_delays_no_job(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        worker = stack.worker()
        stack.scheduler()
        running = stack.submit("start", "wait 2s", "image")
        stack.wait_for_status([running], "running")
        for rubbish in POISON_MESSAGES:
            stack.client.lpush(QUEUE, rubbish)
        after = stack.submit("image")
        assert [job.status for job in stack.wait_for_status([running, after])] == ["succeeded", "succeeded"]
        assert len(stack.job(running).attempts) == 1
        eventually(lambda: stack.client.llen(QUEUE) == 0, "the queue is empty", within=10)
        assert worker.alive


def test_a_message_that_comes_five_times_runs_its_job_once(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.worker()
        stack.worker("second")
        job = stack.submit("start", "wait 1s", "image")
        for _ in range(5):
            stack.dispatcher.send_again(job)
        (done,) = stack.wait_for_status([job])
        assert done.status == "succeeded"
        assert len(done.attempts) == 1


def test_a_worker_lives_through_a_change_of_the_servers_role(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        worker = stack.worker()
        scheduler = stack.scheduler()
        running = stack.submit("start", "wait 4s", "image")
        stack.wait_for_status([running], "running")
        # A replica ends blocking reads with UNBLOCKED and refuses writes with READONLY. Nobody listens on port 1.
        stack.client.replicaof("127.0.0.1", "1")
        time.sleep(2)
        stack.client.replicaof("NO", "ONE")
        after = stack.submit("image")
        assert [job.status for job in stack.wait_for_status([running, after])] == ["succeeded", "succeeded"]
        assert worker.alive
        assert scheduler.alive
        assert len(stack.job(running).attempts) == 1
