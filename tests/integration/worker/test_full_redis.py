"""Real processes whose Redis is full: what runs goes on, everything can be deleted, and the service comes back by itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

#: Ended jobs that fill it: a million bytes and more.
JOBS = 100


def submit(stack: Stack) -> requests.Response:
    """Submit a job of some kilobytes that is kept for some seconds after its end."""
    body = {"model": "echo", "input": {"prompt": "x" * 9000, "script": ["wait 1h"]}, "retention_seconds": 10}
    return requests.post(f"{stack.url}/v1/jobs", json=body, timeout=10)


def test_a_full_service_comes_back_by_itself(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", lease_seconds=5, environ={"DARKROOM_WORKER_CONCURRENCY": "2"}) as stack:
        stack.whole()
        for _ in range(JOBS):
            answer = submit(stack)
            requests.post(f"{stack.url}/v1/jobs/{answer.json()['id']}/cancel", timeout=10)
        # The limit comes to the memory, not the memory to the limit: a slow machine's jobs go as fast as they come. It
        # is below what is used now, some of which (buffers of connections) comes and goes.
        limit = stack.client.info("memory")["used_memory"] * 95 // 100
        stack.client.config_set("maxmemory", limit)
        answer = submit(stack)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        eventually(lambda: submit(stack).status_code == 202, "it takes jobs again", within=30)
        stack.client.config_set("maxmemory", 2 * limit)
        running = stack.submit("progress 20 20s", "image")
        stack.wait_for_status([running], "running")
        # Full to the last byte: nothing can be sent to a worker, and no progress keeps leases from being renewed.
        stack.client.config_set("maxmemory", stack.client.info("memory")["used_memory"] * 8 // 10)
        kept = submit(stack)
        assert kept.status_code == 503
        queued = [job["id"] for job in requests.get(f"{stack.url}/v1/jobs", timeout=10).json()["data"]]
        for job_id in set(queued) - {running}:
            assert requests.delete(f"{stack.url}/v1/jobs/{job_id}", timeout=10).status_code in {204, 410}
        time.sleep(7)
        assert stack.job(running).status == "running"
        stack.client.config_set("maxmemory", 2 * limit)
        (ended,) = stack.wait_for_status([running], "succeeded", seconds=60)
        assert len(ended.attempts) == 1
        stack.wait_for_status([stack.submit("image")], "succeeded", seconds=60)
        assert all(process.alive for process in stack.processes)
        assert "Redis' memory is full" in stack.logs()
        assert "of its memory; from" in stack.logs()
