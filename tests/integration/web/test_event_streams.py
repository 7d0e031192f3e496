"""Event streams and waits over a real server, under gunicorn with gevent as it is shipped."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import sseclient

from jobs import events
from jobs.record import keys
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from tests.support.lists import job_page
from tests.support.processes import Stack

pytestmark = pytest.mark.real

TIMEOUT = (5, 25)


@contextmanager
def stream(stack: Stack, job_id: str, **headers: str) -> Iterator[Iterator[Any]]:
    with requests.get(
        f"{stack.url}/v1/jobs/{job_id}/events",
        headers={"Accept": "text/event-stream", **headers},
        stream=True,
        timeout=TIMEOUT,
    ) as answer:
        assert answer.status_code == 200, answer.text
        yield iter(sseclient.SSEClient(answer.iter_content(None)).events())


def up_to(messages: Iterator[Any], name: str) -> list[tuple[str, Any]]:
    """Messages up to and with the first of this name."""
    found = []
    for message in messages:
        found.append((message.event, json.loads(message.data)))
        if message.event == name:
            return found
    raise AssertionError(f"no {name} in {found}")


def later(action: Any) -> threading.Timer:
    timer = threading.Timer(0.3, action)
    timer.start()
    return timer


def test_a_watcher_sees_the_whole_life_of_a_job(stack: Stack, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    with stream(stack, job.id) as messages:
        assert up_to(messages, "snapshot")[0][1]["status"] == "queued"
        lease = fake_worker.claim(job)
        fake_worker.write(lease, events.UpstreamQueued, rank=2, size=3)
        fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5, step=1, total=2)
        fake_worker.preview(lease, 0)
        fake_worker.succeed(lease)
        seen = up_to(messages, "end")
        assert next(messages, None) is None
    names = [name for name, _ in seen if name != "queue"]
    assert names == ["status", "progress", "preview", "output", "status", "end"]
    waited = {
        "reason": "upstream_queue",
        "message": "The provider has its own queue, and the job is in it.",
        "upstream": {"rank": 2, "size": 3},
    }
    assert ("queue", waited) in seen
    final = requests.get(f"{stack.url}/v1/jobs/{job.id}", timeout=TIMEOUT).json()
    assert seen[-1][1] == final
    picture = requests.get(final["outputs"][0]["url"], timeout=TIMEOUT)
    assert (picture.headers["Content-Type"], len(picture.content)) == ("image/png", final["outputs"][0]["bytes"])


def test_a_waiting_job_tells_how_the_line_moves(stack: Stack, fake_worker: FakeWorker) -> None:
    # Without a worker: a job that has a slot stands in no line.
    stack.client.delete(keys.WORKERS, keys.SLOTS)
    first, second = fake_worker.submit(), fake_worker.submit()
    with stream(stack, second.id) as messages:
        place = up_to(messages, "snapshot")[0][1]["queue"]["position"]
        stack.jobs.cancel(first.id, "local")
        assert up_to(messages, "queue")[-1][1]["position"] == place - 1
    stack.jobs.cancel(second.id, "local")


def test_who_comes_again_after_a_restart_has_missed_nothing(stack: Stack, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    with stream(stack, lease.job.id) as messages:
        up_to(messages, "snapshot")
        fake_worker.write(lease, events.Logged, text="0")
        last = next(message for message in messages if message.event == "log").id
    stack.processes[0].terminate()
    for number in range(1, 6):
        fake_worker.write(lease, events.Logged, text=str(number))
    stack.web(name="web-again")
    with stream(stack, lease.job.id, **{"Last-Event-ID": last}) as messages:
        fake_worker.write(lease, events.Logged, text="6")
        fake_worker.succeed(lease)
        texts = [data["text"] for name, data in up_to(messages, "end") if name == "log"]
    assert texts == [str(number) for number in range(1, 7)]


def test_many_watchers_take_few_connections(stack: Stack, fake_worker: FakeWorker) -> None:
    leases = [fake_worker.claim(fake_worker.submit()) for _ in range(8)]
    before = len(stack.client.client_list())
    streams = [
        requests.get(f"{stack.url}/v1/jobs/{leases[number % 8].job.id}/events", stream=True, timeout=TIMEOUT)
        for number in range(160)
    ]
    try:
        readers = [iter(sseclient.SSEClient(answer.iter_content(None)).events()) for answer in streams]
        for reader in readers:
            assert next(reader).event == "snapshot"
        assert len(stack.client.client_list()) - before < 20
        for lease in leases:
            fake_worker.write(lease, events.Logged, text=lease.job.id)
        for number, reader in enumerate(readers):
            message = next(message for message in reader if message.event == "log")
            assert json.loads(message.data)["text"] == leases[number % 8].job.id
    finally:
        for answer in streams:
            answer.close()
    for lease in leases:
        fake_worker.succeed(lease)

    def nobody_watches() -> bool:
        # Which process answers is chance; each says how many watch it in a file that all read.
        text = requests.get(f"{stack.url}/metrics", timeout=TIMEOUT).text
        return "darkroom_watchers 0.0" in text

    eventually(nobody_watches, "nobody watches any more", within=20)


def test_a_wait_ends_at_the_next_change(stack: Stack, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    url = f"{stack.url}/v1/jobs/{lease.job.id}"
    known = requests.get(url, timeout=TIMEOUT).headers["ETag"]
    timer = later(lambda: fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5))
    answer = requests.get(url, headers={"Prefer": "wait=20", "If-None-Match": known}, timeout=TIMEOUT)
    timer.join()
    assert (answer.status_code, answer.json()["progress"]["fraction"]) == (200, 0.5)
    assert answer.headers["Preference-Applied"] == "wait=20"
    fake_worker.succeed(lease)


def test_a_wait_without_news_ends_with_304(stack: Stack, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    url = f"{stack.url}/v1/jobs/{lease.job.id}"
    known = requests.get(url, timeout=TIMEOUT).headers["ETag"]
    answer = requests.get(url, headers={"Prefer": "wait=1", "If-None-Match": known}, timeout=TIMEOUT)
    assert answer.status_code == 304
    fake_worker.succeed(lease)


def test_a_submission_that_waits_gets_the_finished_job(stack: Stack, fake_worker: FakeWorker) -> None:
    def work() -> None:
        ends = time.monotonic() + 10
        while not stack.client.zcard("dr:queued") and time.monotonic() < ends:
            time.sleep(0.02)
        part = job_page(stack.store, "local", limit=1)
        fake_worker.succeed(fake_worker.claim(part.records[0].job))

    worker = threading.Thread(target=work)
    worker.start()
    body = {"model": "echo", "input": {"prompt": "x"}}
    answer = requests.post(f"{stack.url}/v1/jobs", json=body, headers={"Prefer": "wait=20"}, timeout=TIMEOUT)
    worker.join()
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    answer = requests.post(f"{stack.url}/v1/jobs", json=body, headers={"Prefer": "wait=1"}, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    stack.jobs.cancel(answer.json()["id"], "local")
