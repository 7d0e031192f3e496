"""The server as it is shipped: starts, outages, counters, log lines, its end."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import requests

from cli.stack import programs
from jobs import events
from jobs.access.api_key_store import ApiKeyStore
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from tests.support.processes import ROOT, Stack

pytestmark = pytest.mark.real

TIMEOUT = (5, 25)


def test_a_redis_that_is_away_is_a_503_and_no_stream_is_lost(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        stack.web()
        fake_worker = FakeWorker(stack)
        lease = fake_worker.claim(fake_worker.submit())
        url = f"{stack.url}/v1/jobs/{lease.job.id}"
        with requests.get(f"{url}/events", stream=True, timeout=TIMEOUT) as answer:
            lines = answer.iter_lines(chunk_size=1)
            assert any(line == b"event: snapshot" for line in lines)
            stack.redis.crash()
            submitted = requests.post(f"{stack.url}/v1/jobs", json={"model": "echo", "input": {}}, timeout=TIMEOUT)
            for refused in (
                submitted,
                requests.get(url, timeout=TIMEOUT),
                requests.get(f"{stack.url}/readyz", timeout=TIMEOUT),
            ):
                assert refused.status_code == 503
                assert refused.headers["Content-Type"] == "application/problem+json"
                assert int(refused.headers["Retry-After"]) >= 1
            assert requests.get(f"{stack.url}/healthz", timeout=TIMEOUT).status_code == 200
            stack.redis.start()
            fake_worker.write(lease, events.Logged, text="back again")
            assert any(b"back again" in line for line in lines)
        assert requests.get(url, timeout=TIMEOUT).json()["status"] == "running"


def test_a_public_address_without_a_key_does_not_start(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        public = f"0.0.0.0:{stack.port}"
        process = stack.start("web", programs.WEB, DARKROOM_BIND=public)
        assert process.popen.wait(timeout=30) != 0
        assert "Make one first: darkroom keys create NAME" in process.output
        # None of ours, that is: gunicorn 27 may show its own when its second process ends while it gives up.
        assert f'File "{ROOT / "web"}' not in process.output
        _, key = ApiKeyStore(stack.connection).create("first")
        stack.web("web-again", DARKROOM_BIND=public)
        assert requests.get(f"{stack.url}/v1/jobs", timeout=TIMEOUT).status_code == 401
        headers = {"Authorization": f"Bearer {key}"}
        assert requests.get(f"{stack.url}/v1/jobs", headers=headers, timeout=TIMEOUT).status_code == 200


def test_counters_are_those_of_all_processes(stack: Stack) -> None:
    def counted() -> int:
        text = requests.get(f"{stack.url}/metrics", timeout=TIMEOUT).text
        found = re.search(r'darkroom_http_requests_total\{method="GET",route="/healthz",status="200"\} (\d+)', text)
        return int(found[1]) if found else 0

    # Each process writes its counts once a second.
    time.sleep(1.2)
    before = counted()
    for _ in range(40):
        # A new connection each, so that both processes have their share.
        requests.get(f"{stack.url}/healthz", timeout=TIMEOUT, headers={"Connection": "close"})
    eventually(lambda: counted() >= before + 40, "all are counted")
    assert counted() == before + 40


def test_a_log_line_says_what_happened_and_no_secret(stack: Stack) -> None:
    headers = {"X-Request-Id": "find-me-1", "Authorization": "Bearer dk_live_canary"}
    body = {"model": "echo", "input": {"prompt": "canary"}, "credentials": {"api_key": "canary\n"}}
    assert (
        requests.post(f"{stack.url}/v1/jobs?x=canary", json=body, headers=headers, timeout=TIMEOUT).status_code == 422
    )
    eventually(lambda: "find-me-1" in stack.logs(), "the request is logged", within=10)
    line = next(line for line in stack.logs().splitlines() if "find-me-1" in line)
    said = json.loads(line)
    assert (said["event"], said["owner"], said["process"]) == ("POST /v1/jobs 422", "local", "web")
    assert "canary" not in line


def test_the_server_ends_soon_although_somebody_watches(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        process = stack.web()
        job = FakeWorker(stack).submit()
        with requests.get(f"{stack.url}/v1/jobs/{job.id}/events", stream=True, timeout=TIMEOUT) as answer:
            assert next(answer.iter_lines(chunk_size=1)) == b"retry: 2000"
            assert process.terminate(seconds=20) == 0
        assert "Traceback" not in process.output
