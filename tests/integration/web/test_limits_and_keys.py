"""Limits and keys over HTTP, with all processes that there are: two of the web face, and real workers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from jobs.access.api_key_store import ApiKeyStore
from jobs.record import keys
from jobs.scheduling.pauses import Pauses
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, run_commands
from tests.support.processes import Stack

# Each starts the service anew, which takes a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TIMEOUT = (5, 30)
CLIENTS = 100


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two web processes and a worker. No scheduler runs: what wakes a waiting job is the end of the one it waits for."""
    with Stack(tmp_path_factory.mktemp("limits") / "stack") as stack:
        stack.worker()
        stack.web()
        ApiKeyStore(stack.connection).create("admin")
        yield stack


@dataclass(frozen=True)
class Client:
    """A client with a key of its own."""

    stack: Stack
    key_id: str
    key: str

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        # A connection each, so that both processes have their share.
        return requests.request(method, f"{self.stack.url}{path}", headers=headers, timeout=TIMEOUT, **more)

    def submit(self, *script: str, user: str | None = None) -> requests.Response:
        body: dict[str, Any] = {"model": "echo", "input": {"script": list(script)} if script else {}}
        if user is not None:
            body["metadata"] = {"user": user}
        return self.ask("POST", "/v1/jobs", json=body)


def limited(stack: Stack, **limits: int) -> Client:
    """A client whose key has these limits."""
    record, key = ApiKeyStore(stack.connection).create("limited", limits=limits)
    client = Client(stack, record.id, key)
    eventually(lambda: {client.ask("GET", "/v1/usage").status_code for _ in range(8)} == {200}, within=10)
    return client


def test_end_users_share_a_key_and_nobody_spins(service: Stack) -> None:
    client = limited(service, user_running=1, running=3)
    ann = [client.submit("wait 1500ms", user="ann").json()["id"] for _ in range(3)]
    service.wait_for_status(ann[:1], "running")
    bob = client.submit("wait 100ms", user="bob").json()["id"]
    (done,) = service.wait_for_status([bob], "succeeded")

    seen = client.ask("GET", f"/v1/jobs/{ann[2]}").json()
    if seen["status"] == "queued":
        assert seen["queue"]["reason"] == "key_limit"
        assert seen["queue"]["position"] in {1, 2}
        assert seen["queue"]["eta_seconds"] > 0
    one, two, three = service.wait_for_status(ann, "succeeded")
    for earlier, later in ((one, two), (two, three)):
        assert earlier.finished_at is not None
        assert later.started_at is not None
        assert later.started_at >= earlier.finished_at - 0.05, "never two at once"
    assert done.started_at is not None
    assert two.started_at is not None
    assert done.started_at < two.started_at, "the other user's job did not wait for the first one's"


def test_a_waiting_job_says_that_its_key_is_at_its_limit(service: Stack) -> None:
    client = limited(service, running=1)
    first = client.submit("wait 60s").json()["id"]
    service.wait_for_status([first], "running")
    waiting = [client.submit("wait 10ms").json()["id"] for _ in range(3)]
    found = [client.ask("GET", f"/v1/jobs/{job}").json()["queue"] for job in waiting]
    assert [(queue["reason"], queue["position"]) for queue in found] == [("key_limit", n) for n in (1, 2, 3)]
    # In tenths of a second: a job of echo may take less.
    assert found[0]["eta_seconds"] <= found[2]["eta_seconds"]
    listed = client.ask("GET", "/v1/jobs?status=queued").json()["data"]
    assert [job["queue"]["reason"] for job in listed] == ["key_limit"] * 3
    used = client.ask("GET", "/v1/usage").json()["used"]
    assert (used["running"], used["queued"]) == (1, 3)
    # A free slot wakes the next one, and it the next.
    client.ask("POST", f"/v1/jobs/{first}/cancel")
    service.wait_for_status(waiting, "succeeded")


def test_a_hundred_at_once_are_never_one_too_many(service: Stack) -> None:
    client = limited(service, queued=30)
    # Nothing is sent meanwhile, so that what is accepted goes on waiting.
    pauses = Pauses(service.connection)
    pauses.pause()
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda _: client.submit(), range(CLIENTS)))
    assert Counter(answer.status_code for answer in answers) == {202: 30, 429: 70}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["code"] for answer in refused} == {"quota_exceeded"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert service.client.zcard(keys.waiting(client.key_id)) == 30
    listed = client.ask("GET", "/v1/jobs?limit=100").json()["data"]
    assert {job["id"] for job in listed} == {answer.json()["id"] for answer in answers if answer.ok}
    pauses.resume()


def test_both_processes_count_the_same_rate(service: Stack) -> None:
    client = limited(service, submits_per_minute=20)
    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: client.submit(), range(60)))
    counted = Counter(answer.status_code for answer in answers)
    # Where a part of the window begins in between, a little of the one before is free again.
    assert counted[202] + counted[429] == 60
    assert 20 <= counted[202] <= 22
    assert all(answer.headers["RateLimit-Policy"].startswith('"submit";q=20;w=60') for answer in answers)


def test_a_revoked_key_opens_no_process_after_two_seconds_and_the_door_stays_shut(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        web = stack.web()
        store = ApiKeyStore(stack.connection)
        admin, other = store.create("admin"), store.create("other")
        headers = {"Authorization": f"Bearer {other[1]}"}

        def ask(_: int = 0, **more: str) -> tuple[float, int]:
            at = time.monotonic()
            return at, requests.get(f"{stack.url}/v1/jobs", headers=more or headers, timeout=TIMEOUT).status_code

        eventually(lambda: ask()[1] == 200, "the keys are known", within=10)
        eventually(
            lambda: requests.get(f"{stack.url}/v1/jobs", timeout=TIMEOUT).status_code == 401, "locked", within=10
        )
        waits = {**headers, "Prefer": "wait=50"}
        submission = {"model": "echo", "input": {"prompt": "x"}}
        job_id = requests.post(f"{stack.url}/v1/jobs", json=submission, headers=headers, timeout=TIMEOUT).json()["id"]
        with ThreadPoolExecutor(8) as clients:
            poll = clients.submit(requests.get, f"{stack.url}/v1/jobs/{job_id}", headers=waits, timeout=60)
            submit = clients.submit(requests.post, f"{stack.url}/v1/jobs", json=submission, headers=waits, timeout=60)
            list(clients.map(ask, range(40)))
            answer = requests.delete(
                f"{stack.url}/v1/admin/keys/{other[0].id}",
                headers={"Authorization": f"Bearer {admin[1]}"},
                timeout=TIMEOUT,
            )
            assert answer.status_code == 204
            revoked = time.monotonic()
            seen: list[tuple[float, int]] = []
            while time.monotonic() < revoked + 3:
                seen += clients.map(ask, range(16))
                time.sleep(0.1)
            # No worker runs: both would wait for 50 s. A job that was accepted is named all the same.
            assert (poll.result(10).status_code, submit.result(10).status_code) == (401, 202)
            assert time.monotonic() < revoked + 10
        assert {status for at, status in seen if at > revoked + 2} == {401}
        store.revoke(admin[0].id)
        web.terminate()
        stack.web("web-again")
        assert requests.get(f"{stack.url}/v1/jobs", timeout=TIMEOUT).status_code == 401
        assert store.reopen()
        eventually(
            lambda: {requests.get(f"{stack.url}/v1/jobs", timeout=TIMEOUT).status_code for _ in range(8)} == {200},
            "the door is open again",
            within=10,
        )


def test_the_how_to_page_works(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        stack.whole()
        printed = run_commands(HOW_TO / "limits-and-keys.md", tmp_path, stack.url, seconds=200)
        logged = stack.logs()
    for words in (
        "without a key: 401", "'reason': 'key_limit'", '"submit";q=6000;w=60', "Your key may have at most 3 queued jobs",
        "used: 3 of 3", "{'running': 2, 'queued': 200}", "sees its job: 200\nsees its job: 200\n", "revoked: 401",
    ):  # fmt: skip
        assert words in printed
    for words in ("made a key", "changed a key", "rotated a key", "revoked a key"):
        assert f"admin: {words}" in logged
    assert "dk_live_" not in logged
