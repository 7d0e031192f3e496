"""Rubbish in the broker's queue does no harm (fault F29), and neither do messages that come five times (F30)."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.queue import QUEUE
from tests.chaos.house import POISON_MESSAGES
from tests.stack import Stack, wait_until

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
        wait_until(lambda: stack.client.llen(QUEUE) == 0, 10, "the queue is empty")
        assert worker.alive


def test_a_message_that_comes_five_times_runs_its_job_once(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        stack.worker()
        stack.worker("second")
        job = stack.submit("start", "wait 1s", "image")
        for _ in range(5):
            stack.jobs.send_again(job)
        (done,) = stack.wait_for_status([job])
        assert done.status == "succeeded"
        assert len(done.attempts) == 1
