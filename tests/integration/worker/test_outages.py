"""Real processes whose Redis refuses everything, with every word there is: they wait, and go on when it is over."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
import requests

from cli.stack import programs
from tests.support.eventually import eventually
from tests.support.processes import Process, Stack, worker_command
from tests.support.refusing_proxy import RefusingProxy
from tests.support.server_answers import ANSWERS

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

BODY = {"model": "echo", "input": {"prompt": "x"}}
#: Seconds for which each word is all that anybody hears: a beat, a round and a read of everything that beats and reads.
OUTAGE_SECONDS = 1.5
#: Seconds of calm after it.
CALM_SECONDS = 1.5
#: One answer for each word.
WORDS = dict(ANSWERS)


@pytest.mark.soak
def test_every_process_waits_whatever_the_word_and_goes_on(tmp_path: Path) -> None:
    # Long leases: what counts here is that the processes live.
    with Stack(tmp_path / "stack", lease_seconds=15) as stack, RefusingProxy(stack.redis.port) as proxy:
        stack.environ["DARKROOM_REDIS_URL"] = proxy.url
        stack.whole()
        # It writes progress, previews and checkpoints all the while.
        steps = ("checkpoint", "progress 10 4s", "preview")
        job = stack.submit(*steps * (len(WORDS) + 1), "image")
        stack.wait_for_status([job], "running")
        with requests.get(f"{stack.url}/v1/jobs/{job}/events", stream=True, timeout=30) as stream:
            assert stream.ok
            for word, answer in WORDS.items():
                proxy.refuse(answer)
                _refuses(stack, job, word)
                proxy.heal()
                time.sleep(CALM_SECONDS)
                assert requests.get(f"{stack.url}/v1/jobs/{job}", timeout=10).ok, word
                _all_live(stack.processes)
            events = b"".join(stream.iter_content(None))
        assert b"event: end" in events
        (ended,) = stack.wait_for_status([job], "succeeded", seconds=90)
        assert len(ended.attempts) == 1
        # Messages are sent, taken and claimed again.
        stack.wait_for_status([stack.submit("image")], "succeeded", seconds=60)
        eventually(lambda: requests.get(f"{stack.url}/readyz", timeout=10).ok, "it is ready again")


def test_a_worker_and_a_scheduler_may_start_while_nothing_can_be_written(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        stack.scheduler("first")
        stack.client.config_set("min-replicas-to-write", 1)
        begun = [stack.start("worker", worker_command("worker")), stack.start("second", programs.SCHEDULER)]
        begun[0].wait_for("NOREPLICAS", 60)
        time.sleep(3)
        assert all(process.alive for process in begun)
        stack.client.config_set("min-replicas-to-write", 0)
        begun[0].wait_for("worker ready", 60)
        stack.wait_for_status([stack.submit("image")], "succeeded", seconds=60)
        assert all(process.alive for process in begun)


def test_the_command_line_says_in_one_line_why_redis_cannot_serve(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack, RefusingProxy(stack.redis.port) as proxy:
        stack.environ["DARKROOM_REDIS_URL"] = proxy.url
        proxy.refuse(WORDS["BUSY"])
        command = [sys.executable, "-P", "-m", "cli", "keys", "list"]
        cli = subprocess.run(
            command, cwd=programs.ROOT, env=stack.environ, capture_output=True, text=True, check=False, timeout=60
        )
        assert (cli.returncode, cli.stderr.count("\n"), "(BUSY)" in cli.stderr) == (1, 1, True)


def test_a_script_of_somebody_else_that_runs_for_long_is_an_outage(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", lease_seconds=3) as stack:
        stack.whole()
        stack.client.config_set("busy-reply-threshold", 100)
        jobs = [stack.submit("progress 40 12s", "image") for _ in range(3)]
        stack.wait_for_status(jobs, "running")
        endless = "local a = redis.call('TIME')[1] while redis.call('TIME')[1] - a < 9 do end"
        stranger = redis.Redis.from_url(stack.redis.url, socket_timeout=60)
        thread = threading.Thread(target=stranger.eval, args=(endless, 0))
        thread.start()
        time.sleep(1)
        answer = requests.get(f"{stack.url}/v1/jobs/{jobs[0]}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        thread.join()
        stranger.close()
        ended = stack.wait_for_status(jobs, "succeeded", seconds=60)
        assert [len(job.attempts) for job in ended] == [1, 1, 1]
        _all_live(stack.processes)


def _refuses(stack: Stack, job: str, word: str) -> None:
    """While Redis says the word, every request is answered with 503, and may come again."""
    began = time.monotonic()
    while time.monotonic() - began < OUTAGE_SECONDS:
        for answer in (
            requests.get(f"{stack.url}/v1/jobs/{job}", timeout=10),
            requests.get(f"{stack.url}/v1/jobs", timeout=10),
            requests.get(f"{stack.url}/v1/models", timeout=10),
            requests.post(f"{stack.url}/v1/jobs", json=BODY, timeout=10),
            requests.delete(f"{stack.url}/v1/jobs/{job}", timeout=10),
        ):
            if answer.request.path_url == "/v1/models" and answer.ok:
                continue  # it needs no record
            problem = answer.json()
            assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "store_unavailable", True), word
            assert "Retry-After" in answer.headers
        ready = requests.get(f"{stack.url}/readyz", timeout=10)
        assert (ready.status_code, f"({word})" in ready.json()["checks"]["redis"]) == (503, True)
        time.sleep(0.2)


def _all_live(processes: list[Process]) -> None:
    """Nothing has ended, and nothing was unforeseen; kombu logs what it tries again with its trace."""
    for process in processes:
        assert process.alive, process.output[-4000:]
        lines = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]
        traces = [line for line in lines if "exception" in line and not line.get("logger", "").startswith("kombu")]
        assert not traces, traces
