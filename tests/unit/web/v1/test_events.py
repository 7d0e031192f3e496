"""The event stream and the log, as far as they need no waiting; tests/integration/web has the rest."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs import events
from jobs.access.api_keys import ApiKey
from jobs.record.nudge import Nudge
from jobs.record.types import Lease
from tests.support.fake_worker import FakeWorker
from web.services import Services, Timings
from web.streaming import sse
from web.streaming.pump import Pump


def parsed(text: str) -> list[tuple[str, str, Any]]:
    """Name, id and data of each message."""
    found = []
    for part in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.split("\n") if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def test_a_finished_job_gives_a_snapshot_and_the_end(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    answer = client.get(f"/v1/jobs/{lease.job.id}/events")
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert answer.text.startswith("retry: 2000\n\n")
    messages = parsed(answer.text)
    assert [name for name, _, _ in messages] == ["snapshot", "end"]
    assert messages[0][2] == messages[1][2] == client.get(f"/v1/jobs/{lease.job.id}").get_json()


def test_who_has_seen_the_end_is_told_not_to_come_again(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    path = f"/v1/jobs/{lease.job.id}/events"
    last = parsed(client.get(path).text)[-1][1]
    answer = client.get(path, headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.data) == (204, b"")


def test_who_comes_again_gets_what_was_missed_and_nothing_twice(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    path = f"/v1/jobs/{lease.job.id}/events"
    seen = fake_worker.store.get(lease.job.id).event_id
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5, step=1, total=2)
    fake_worker.write(lease, events.Logged, text="hello")
    fake_worker.succeed(lease)
    messages = parsed(client.get(path, headers={"Last-Event-ID": seen}).text)
    assert [name for name, _, _ in messages] == ["progress", "log", "output", "status", "end"]
    assert messages[1][2] == {"level": "info", "text": "hello"}
    again = parsed(client.get(path, headers={"Last-Event-ID": messages[0][1]}).text)
    assert again == messages[1:]


@pytest.mark.parametrize("last", ["garbage", "-1", "9" * 4000, "0-0 COUNT 999999", "1-1", "99999999999999-0"])
def test_who_comes_from_an_unknown_place_begins_anew(client: FlaskClient, fake_worker: FakeWorker, last: str) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    answer = client.get(f"/v1/jobs/{lease.job.id}/events", headers={"Last-Event-ID": last})
    assert [name for name, _, _ in parsed(answer.text)] == ["snapshot", "end"]


def test_the_log_comes_as_json_too(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.write(lease, events.Logged, text="hello")
    path = f"/v1/jobs/{lease.job.id}/events"
    body = client.get(path, headers={"Accept": "application/json"}).get_json()
    assert [line["event"] for line in body["data"]] == ["status", "status", "log"]
    assert body["data"][1]["data"] == {"status": "running", "provider": "echo"}
    found: list[Any] = []
    cursor = ""
    for _ in range(5):
        page = client.get(f"{path}?limit=1{cursor}", headers={"Accept": "application/json"}).get_json()
        found += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == body["data"]


def test_a_browser_gets_the_stream(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    for accept in ("text/event-stream", "*/*", "application/json, text/event-stream"):
        answer = client.get(f"/v1/jobs/{lease.job.id}/events", headers={"Accept": accept})
        assert answer.content_type.startswith("text/event-stream"), accept
    assert services.pump.watchers == 0


def test_past_the_cap_a_stream_is_refused_and_a_wait_is_not_granted(
    services: Services, serve: Callable[[Services], Flask], fake_worker: FakeWorker
) -> None:
    pump = Pump(services.store, Nudge(services.connection), limit=0)
    client = serve(replace(services, pump=pump)).test_client()
    job = fake_worker.submit()
    answer = client.get(f"/v1/jobs/{job.id}/events")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "too_many_streams")
    assert int(answer.headers["Retry-After"]) >= 1
    answer = client.get(f"/v1/jobs/{job.id}", headers={"Prefer": "wait=30"})
    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def test_a_stream_that_nobody_reads_is_forgotten_when_it_closes(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    job = fake_worker.submit()
    answer = client.get(f"/v1/jobs/{job.id}/events")
    assert services.pump.watchers == 1
    answer.close()
    assert services.pump.watchers == 0
    with client.head(f"/v1/jobs/{job.id}/events"):
        pass
    assert services.pump.watchers == 0


def running_with_a_key(services: Services, fake_worker: FakeWorker) -> tuple[ApiKey, dict[str, str], Lease]:
    """A key, the headers of who has it, and a job of it that runs."""
    record, key = services.keys.create("test")
    services.gate.forget()
    return record, {"Authorization": f"Bearer {key}"}, fake_worker.claim(fake_worker.submit(owner=record.id))


@pytest.mark.parametrize("timings", [Timings(heartbeat=0.0, queue_look=0.01, key_cache=0.0)])
def test_a_quiet_stream_shows_that_it_lives_and_ends_with_its_key(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    record, headers, lease = running_with_a_key(services, fake_worker)
    with client.get(f"/v1/jobs/{lease.job.id}/events", headers=headers) as answer:
        parts = answer.iter_encoded()
        assert b"event: snapshot" in next(parts)
        assert [next(parts) for _ in range(3)] == [sse.HEARTBEAT] * 3
        services.keys.revoke(record.id)
        assert set(parts) <= {sse.HEARTBEAT}
    assert services.pump.watchers == 0


def test_a_busy_stream_ends_with_its_key(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    """News after news leaves no time for a heartbeat; the key is looked at all the same."""
    record, headers, lease = running_with_a_key(services, fake_worker)
    with client.get(f"/v1/jobs/{lease.job.id}/events", headers=headers) as answer:
        parts = answer.iter_encoded()
        assert b"event: snapshot" in next(parts)
        for number in range(100):
            fake_worker.write(lease, events.Logged, text=f"line {number}")
            if number == 3:
                # By HTTP, in the same process: nothing is remembered of the key.
                assert client.delete(f"/v1/admin/keys/{record.id}", headers=headers).status_code == 204
            if not next(parts, b""):
                break
        assert number <= 5
    assert services.pump.watchers == 0


def test_a_stream_ends_when_its_key_may_not_read_any_more(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    record, headers, lease = running_with_a_key(services, fake_worker)
    with client.get(f"/v1/jobs/{lease.job.id}/events", headers=headers) as answer:
        parts = answer.iter_encoded()
        next(parts)
        body = {"scopes": ["submit"]}
        assert client.patch(f"/v1/admin/keys/{record.id}", json=body, headers=headers).status_code == 200
        assert list(parts) == []


@pytest.mark.parametrize("timings", [Timings(longest_stream=0.0)])
def test_a_stream_does_not_live_for_ever(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    assert [name for name, _, _ in parsed(client.get(f"/v1/jobs/{lease.job.id}/events").text)] == ["snapshot"]


def test_a_stream_of_a_job_that_is_deleted_ends(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    job = fake_worker.submit()
    with client.get(f"/v1/jobs/{job.id}/events") as answer:
        parts = answer.iter_encoded()
        next(parts)
        services.jobs.delete(job.id, "local")
        rest = parsed(b"".join(parts).decode())
    assert [data.get("status") for _, _, data in rest] in ([], ["canceled", "canceled"])


@pytest.mark.parametrize("timings", [Timings(queue_look=0.01)])
def test_a_quiet_stream_asks_nothing_of_a_job_that_waits_for_nothing(
    client: FlaskClient, fake_worker: FakeWorker, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    real = services.views.look
    lease = fake_worker.claim(fake_worker.submit())
    with client.get(f"/v1/jobs/{lease.job.id}/events") as answer:
        parts = answer.iter_encoded()
        next(parts)

        def look(*given: Any) -> Any:
            looks.append(time.monotonic())
            return real(*given)

        monkeypatch.setattr(services.views, "look", look)
        threading.Timer(0.5, fake_worker.write, (lease, events.Logged), {"text": "hello"}).start()
        threading.Timer(1.0, fake_worker.succeed, (lease,)).start()
        names = [name for name, _, _ in parsed(b"".join(parts).decode())]
    assert names == ["log", "output", "status", "end"]
    # At its beginning, after the first news, and for the end: not a hundred times a second.
    assert 1 <= len(looks) <= 3


@pytest.mark.parametrize("timings", [Timings(queue_look=0.01)])
def test_a_quiet_stream_says_what_a_queued_job_waits_for(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    fake_worker.submit()
    second = fake_worker.submit()
    with client.get(f"/v1/jobs/{second.id}/events") as answer:
        parts = answer.iter_encoded()
        next(parts)
        threading.Timer(0.2, services.pauses.pause, (), {"reason": "night", "by": "key_1"}).start()
        ((name, _, data),) = parsed(next(parts).decode())
    assert (name, data["reason"]) == ("queue", "paused")
