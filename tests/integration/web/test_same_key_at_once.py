"""A hundred clients send one request with one key to two web processes, one of which crashes meanwhile: one job."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.eventually import eventually
from tests.support.processes import Process, Stack

pytestmark = pytest.mark.real

CLIENTS = 100
#: Nobody knows what became of the request: the process died before it answered, or in the middle of its answer.
LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
BODY = {"model": "echo", "input": {"prompt": "a lighthouse"}}


def ask(url: str, key: str) -> tuple[int, str, bool]:
    """Send the request until it is answered, as a client with a key may: status, job id, whether it was a replay."""
    for _ in range(100):
        try:
            answer = requests.post(f"{url}/v1/jobs", json=BODY, headers={"Idempotency-Key": key}, timeout=(5, 25))
            if answer.status_code < 500:
                return answer.status_code, answer.json()["id"], "Idempotency-Replayed" in answer.headers
        except LOST:
            time.sleep(0.1)
    raise AssertionError("the request was never answered")


def web_processes(web: Process) -> list[int]:
    return [int(pid) for pid in dict.fromkeys(re.findall(r"Booting worker with pid: (\d+)", web.output))]


def test_a_crash_between_the_record_and_the_answer_makes_no_second_job(tmp_path: Path) -> None:
    environ = {"DARKROOM_TEST_MODE": "on", "DARKROOM_TEST_FAILPOINTS": "accepted:kill@1"}
    with Stack(tmp_path / "stack", environ=environ) as stack:
        web = stack.web()
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(lambda _: ask(stack.url, "one-key"), range(CLIENTS)))
        # Both, where the second was told of the job at the same moment.
        assert len(web_processes(web)) in {3, 4}, "one of the two processes was killed and replaced"
        # The process that made the job died before it could say so: whoever got an answer got a replay.
        assert {(status, replayed) for status, _, replayed in answers} == {(202, True)}
        assert len({job_id for _, job_id, _ in answers}) == 1
        assert stack.queue.overview().queued == 1


def test_a_web_process_killed_under_load_makes_no_second_job(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        web = stack.web()
        eventually(lambda: len(web_processes(web)) == 2, "both processes run")
        with ThreadPoolExecutor(CLIENTS) as clients:
            asked = [clients.submit(ask, stack.url, "one-key") for _ in range(CLIENTS)]
            eventually(lambda: any(one.done() for one in asked), "somebody has an answer")
            os.kill(web_processes(web)[0], signal.SIGKILL)
            answers = [one.result() for one in asked]
        assert {status for status, _, _ in answers} == {202}
        assert sum(not replayed for _, _, replayed in answers) <= 1
        assert len({job_id for _, job_id, _ in answers}) == 1
        assert stack.queue.overview().queued == 1
