"""One key does all that it may, and another key's jobs are measured beside it: nothing of theirs is taken."""

from __future__ import annotations

import itertools
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import SCOPES
from jobs.limits import OwnLimit
from tests.support.processes import Stack
from tests.support.sample_images import plain_image

pytestmark = [pytest.mark.soak, pytest.mark.acceptance, pytest.mark.real, pytest.mark.timeout(900)]

#: Jobs of the measured key, and seconds between them.
JOBS: Final = 60
PACE: Final = 0.5
#: Waiting below this many seconds is no waiting: a dispatch, a message and a claim.
UNNOTICED: Final = 0.5
STREAMS: Final = 500
NARROW: Final = """
[egress]
proxies = true

[providers.narrow]
driver = "echo"
concurrency = 4
"""


class Key:
    """A client with a key of its own, which counts the answers that it should not have got."""

    def __init__(self, stack: Stack, name: str, **limits: OwnLimit) -> None:
        _, secret = ApiKeyStore(stack.connection).create(name, scopes=SCOPES, limits=limits)
        self.url = stack.url
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.http = requests.Session()
        self.http.headers.update(self.headers)
        self.errors: list[str] = []

    def submit(self, script: str, provider: str = "echo", **body: Any) -> str:
        given = {"prompt": "x", "script": script.split("; ")}
        answer = self.post("/v1/jobs", json={"model": "echo", "provider": provider, "input": given, **body})
        return str(answer.json().get("id", ""))

    def post(self, path: str, **options: Any) -> requests.Response:
        answer = self.http.post(f"{self.url}{path}", timeout=30, **options)
        if answer.status_code >= 500:
            self.errors.append(answer.text)
        return answer

    def job(self, job_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"{self.url}/v1/jobs/{job_id}", timeout=30).json())


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    config = tmp_path / "providers.toml"
    config.write_text(NARROW)
    environ = {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": "64"}
    with Stack(tmp_path / "stack", environ=environ) as running:
        running.whole()
        yield running
        assert all(process.alive for process in running.processes), running.logs()[-4000:]


def waits(key: Key) -> list[float]:
    """Seconds that each of the key's jobs waited until it ran, sent at a steady pace; all succeed."""
    ids = []
    for _ in range(JOBS):
        ids.append(key.submit("wait 300ms; text done"))
        time.sleep(PACE)
    found = []
    for job_id in ids:
        deadline = time.monotonic() + 60
        while (job := key.job(job_id))["status"] in {"queued", "running"} and time.monotonic() < deadline:
            time.sleep(0.2)
        assert job["status"] == "succeeded", job
        assert len(job["attempts"]) == 1, job["attempts"]
        found.append(max(UNNOTICED, job["metrics"]["queue_seconds"]))
    return found


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


@contextmanager
def all_the_while(*habits: Callable[[], object]) -> Iterator[None]:
    """Repeat each of these until the block ends."""
    over = threading.Event()

    def repeat(habit: Callable[[], object]) -> None:
        while not over.is_set():
            try:
                habit()
            except requests.RequestException:
                over.wait(0.1)

    with ThreadPoolExecutor(len(habits)) as pool:
        running = [pool.submit(repeat, habit) for habit in habits]
        try:
            yield
        finally:
            over.set()
        for one in running:
            one.result()


class Noise(Key):
    """All that a key may do within everybody's limits, at a pace that leaves the machine room."""

    def __init__(self, stack: Stack, name: str) -> None:
        super().__init__(stack, name)
        self.numbers = itertools.count()
        self.streams: list[socket.socket] = []
        self.habits = (
            self.token_each, self.batch, self.failing, self.dead_proxy, self.dropped_wait, self.stream, self.big_file,
        )  # fmt: skip

    def opened(self, path: str, *headers: str) -> socket.socket:
        """A request that was sent, and whose answer nobody reads."""
        host, port = self.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=10)
        lines = (f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: {self.headers['Authorization']}", *headers)
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        return connection

    def token_each(self) -> None:
        token = f"hf_{next(self.numbers):08d}abcdefgh"
        self.submit("wait 1s; text x", "narrow", credentials={"hf_token": token})
        time.sleep(0.05)

    def batch(self) -> None:
        self.post(
            "/v1/batches",
            json={"jobs": [{"model": "echo", "input": {"prompt": "x", "script": ["wait 1s", "text x"]}}] * 20},
        )
        time.sleep(1)

    def failing(self) -> None:
        self.submit("fail crashed")
        time.sleep(0.1)

    def dead_proxy(self) -> None:
        self.submit("wait 1s; text x", "narrow", credentials={"proxy": "http://127.0.0.1:9"})
        time.sleep(0.1)

    def dropped_wait(self) -> None:
        self.opened(f"/v1/jobs/{self.submit('wait 20s; text x', 'narrow')}", "Prefer: wait=30").close()
        time.sleep(0.1)

    def stream(self) -> None:
        if len(self.streams) < STREAMS:
            self.streams.append(self.opened(f"/v1/jobs/{self.submit('wait 60s; text x', 'narrow')}/events"))
        else:
            self.streams.pop(0).close()
        time.sleep(0.05)

    def big_file(self) -> None:
        self.post("/v1/files", files={"file": ("big.png", plain_image(size=(1800, 1800)), "image/png")})
        time.sleep(0.5)


def test_one_keys_noise_takes_nothing_from_another(stack: Stack) -> None:
    quiet, noisy = Key(stack, "quiet"), Noise(stack, "noisy")
    alone = waits(quiet)
    with all_the_while(*noisy.habits):
        time.sleep(5)
        beside = waits(quiet)
    for connection in noisy.streams:
        connection.close()
    print(
        f"p95 of waiting: {p95(alone):.2f} s alone, {p95(beside):.2f} s beside the noise"
        f" ({next(noisy.numbers)} jobs with a token each, {len(noisy.streams)} streams)"
    )
    assert quiet.errors == noisy.errors == []
    assert p95(beside) <= 2 * p95(alone)


def test_ten_thousand_waiting_tokens_leave_another_keys_jobs_their_time(stack: Stack) -> None:
    """The provider of the waiting jobs has four slots; the other key's 200 jobs of 4 s have the rest."""
    quiet, noisy = Key(stack, "quiet"), Key(stack, "noisy", queued="none", submits_per_minute="none")

    def took() -> float:
        began = time.monotonic()
        ids = [quiet.submit("wait 4s; text done") for _ in range(200)]
        jobs = stack.wait_for_status(ids, seconds=120)
        assert {job.status for job in jobs} == {"succeeded"}
        assert {len(job.attempts) for job in jobs} == {1}
        return time.monotonic() - began

    alone = took()
    with ThreadPoolExecutor(8) as pool:
        tokens = [{"hf_token": f"hf_{number:08d}abcdefgh"} for number in range(10_000)]
        list(pool.map(lambda token: noisy.submit("wait 500ms; text x", "narrow", credentials=token), tokens))
    assert stack.queue.overview().queued > 5_000
    beside = took()
    print(f"200 jobs of 4 s: {alone:.1f} s alone, {beside:.1f} s beside {stack.queue.overview().queued} waiting jobs")
    assert quiet.errors == noisy.errors == []
    assert beside <= 1.5 * alone
