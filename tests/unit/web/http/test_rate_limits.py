"""What a key uses, over HTTP: windows, headers, refusals, streams, usage."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import settings as configuration
from jobs import events
from jobs.access.rates import LocalRates, Rates
from jobs.limits import Limits
from jobs.record.connection import Connection
from settings import Settings, SettingsError
from tests.support.fake_worker import FakeWorker
from tests.support.resources import fits
from web.http.rate_limits import RateLimiter
from web.services import Services, Timings
from web.v1.schemas.usage import UsageResource

BODY = {"model": "echo", "input": {"prompt": "x"}}
BATCH = {"template": BODY, "matrix": {"input.seed": [1, 2, 3]}}
LIMITS = Limits(
    submits_per_minute=4, reads_per_minute=6, queued=5, running=1, user_queued=2, user_running=1,
    input_bytes_per_day=2000, streams=1,
)  # fmt: skip


@pytest.fixture
def web_settings(web_settings: Settings) -> Settings:
    """Settings with limits that a test soon comes to."""
    return replace(web_settings, limits=LIMITS)


def submit(client: FlaskClient, **more: Any) -> Any:
    return client.post("/v1/jobs", json={**BODY, **more})


def left(answer: Any) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r'"(\w+)";r=(\d+);t=\d+', answer.headers["RateLimit"])}


def test_an_answer_tells_what_is_left(client: FlaskClient) -> None:
    text = json.dumps(BODY)
    answer = client.post("/v1/jobs", data=text, content_type="application/json")
    assert answer.headers["RateLimit-Policy"] == '"submit";q=4;w=60, "input";q=2000;w=86400;qu="content-bytes"'
    assert left(answer) == {"submit": 3, "input": 2000 - len(text)}
    answer = client.get("/v1/jobs")
    assert answer.headers["RateLimit-Policy"] == '"read";q=6;w=60'
    assert left(answer) == {"read": 5}


def test_what_needs_no_key_and_what_admins_do_is_not_counted(client: FlaskClient) -> None:
    for _ in range(8):
        for path in ("/healthz", "/v1/admin/queue", "/openapi.json", "/metrics"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert "RateLimit" not in answer.headers


def test_one_submission_too_many_is_refused_and_leaves_nothing(client: FlaskClient, services: Services) -> None:
    for _ in range(4):
        assert submit(client).status_code == 202
    answer = submit(client)
    body = answer.get_json()
    assert (answer.status_code, body["code"], body["limit"], body["retryable"]) == (
        429, "rate_limited", "submits_per_minute", True,
    )  # fmt: skip
    assert 1 <= int(answer.headers["Retry-After"]) <= 120
    assert left(answer)["submit"] == 0
    assert "4 jobs a minute" in body["detail"]
    assert services.queue.overview().queued == 4
    assert client.get("/v1/jobs").status_code == 200, "reading goes on"


def test_a_request_that_is_refused_for_another_reason_counts(client: FlaskClient) -> None:
    for _ in range(4):
        assert submit(client, model=7).status_code == 422
    assert submit(client).status_code == 429


def test_one_read_too_many_is_refused(client: FlaskClient) -> None:
    job = submit(client).get_json()["id"]
    for _ in range(6):
        assert client.get(f"/v1/jobs/{job}").status_code == 200
    answer = client.get(f"/v1/jobs/{job}")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "rate_limited")
    assert left(answer) == {"read": 0}
    assert submit(client).status_code == 202, "submitting goes on"


def test_a_batch_counts_for_each_of_its_jobs(client: FlaskClient, services: Services) -> None:
    answer = client.post("/v1/batches", json=BATCH)
    assert (answer.status_code, left(answer)["submit"]) == (202, 1)
    refused = client.post("/v1/batches", json=BATCH)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "rate_limited")
    assert services.queue.overview().queued == 3


def test_a_batch_that_never_fits_says_so(client: FlaskClient, services: Services) -> None:
    answer = client.post("/v1/batches", json={**BATCH, "matrix": {"input.seed": [1, 2, 3, 4, 5, 6]}})
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert "Retry-After" not in answer.headers
    assert services.queue.overview().queued == 0


def test_a_rerun_is_a_submission(client: FlaskClient) -> None:
    job = submit(client).get_json()["id"]
    answer = client.post(f"/v1/jobs/{job}/rerun")
    assert (answer.status_code, left(answer)["submit"]) == (202, 2)


def test_bytes_of_submissions_are_counted_by_the_day(client: FlaskClient, services: Services) -> None:
    large = {"model": "echo", "input": {"prompt": "x" * 900}}
    assert client.post("/v1/jobs", json=large).status_code == 202
    assert client.post("/v1/jobs", json=large).status_code == 202
    answer = client.post("/v1/jobs", json=large)
    assert (answer.status_code, answer.get_json()["limit"]) == (429, "input_bytes_per_day")
    assert int(answer.headers["Retry-After"]) > 60
    never = client.post("/v1/jobs", json={"model": "echo", "input": {"prompt": "x" * 2100}})
    assert (never.status_code, never.get_json()["limit"]) == (413, "input_bytes_per_day")
    assert services.queue.overview().queued == 2


def test_a_body_in_chunks_is_counted_too(client: FlaskClient) -> None:
    text = b'{"model": "echo", "input": {"prompt": "' + b"x" * 900 + b'"}}'

    def send() -> Any:
        return client.post(
            "/v1/jobs", input_stream=io.BytesIO(text), content_type="application/json",
            headers={"Transfer-Encoding": "chunked"}, environ_overrides={"wsgi.input_terminated": True},
        )  # fmt: skip

    answers = [send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert left(answers[1])["input"] == 2000 - 2 * len(text)


def test_an_upload_counts_as_the_picture_that_a_job_could_hold(client: FlaskClient) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((30, 30), 100).save(buffer, "PNG")
    size = len(buffer.getvalue())
    assert 700 < size < 1000

    def send() -> Any:
        return client.post("/v1/files", data={"file": (io.BytesIO(buffer.getvalue()), "a.png")})

    answers = [send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].get_json()["limit"] == "input_bytes_per_day"
    assert left(answers[1]) == {"read": 4, "input": 2000 - 2 * size}
    assert len(client.get("/v1/files").get_json()["data"]) == 2


def test_as_many_wait_as_may(client: FlaskClient, services: Services) -> None:
    for _ in range(2):
        assert submit(client, metadata={"user": "ann"}).status_code == 202
    answer = submit(client, metadata={"user": "ann"})
    body = answer.get_json()
    assert (answer.status_code, body["code"], body["limit"]) == (429, "quota_exceeded", "user_queued")
    assert body["error"]["type"] == "rate_limit_error"
    assert answer.headers["Retry-After"] == "5"
    assert services.queue.overview().queued == 2


def test_a_key_has_one_stream_more_when_it_closes_one(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    job = fake_worker.submit()
    path = f"/v1/jobs/{job.id}/events"
    with client.get(path):
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["limit"]) == (429, "streams")
        assert services.pump.watchers == 1
    with client.get(path) as again:
        assert again.status_code == 200
    fake_worker.succeed(fake_worker.claim(job))
    # What has ended is told at once, and nobody counts it.
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("timings", [Timings(heartbeat=0.0, queue_look=0.01)])
def test_a_stream_shows_that_it_lives(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    with client.get(f"/v1/jobs/{lease.job.id}/events") as answer:
        parts = answer.iter_encoded()
        next(parts)
        services.connection.client.delete("dr:streams:local")
        next(parts)
        assert services.connection.client.zcard("dr:streams:local") == 1
        fake_worker.write(lease, events.Canceled)
        list(parts)
    assert services.connection.client.zcard("dr:streams:local") == 0


def test_usage_tells_limits_and_what_is_used(client: FlaskClient, fake_worker: FakeWorker) -> None:
    for user in ("ann", "ann", "bob"):
        submit(client, metadata={"user": user})
    fake_worker.leases.beat("w1", 10, 60, [])
    fake_worker.queue.choose()
    found = client.get("/v1/usage?user=ann").get_json()
    assert fits(found, UsageResource)
    kept = {"files": 1000, "file_bytes": 1 << 30}
    assert found["limits"] == {**{name: getattr(LIMITS, name) for name in Limits.__struct_fields__}, **kept}
    assert found["owner"] == "local"
    used = found["used"]
    assert {name: used[name] for name in used if "bytes" not in name} == {
        "submits_per_minute": 3, "reads_per_minute": 1, "queued": 3, "running": 1, "user_queued": 2, "user_running": 1,
        "streams": 0, "files": 0,
    }  # fmt: skip
    assert 0 < used["input_bytes_per_day"] < 2000
    assert set(found["resets_in"]) == {"submits_per_minute", "reads_per_minute", "input_bytes_per_day"}
    plain = client.get("/v1/usage").get_json()
    assert "user_queued" not in plain["used"]
    nobody = client.get("/v1/usage?user=eve").get_json()["used"]
    assert (nobody["user_queued"], nobody["user_running"]) == (0, 0)


def test_a_dry_run_says_what_the_job_would_wait_for(client: FlaskClient, fake_worker: FakeWorker) -> None:
    fake_worker.leases.beat("w1", 10, 60, [])

    def planned(user: str) -> Any:
        return client.post("/v1/jobs?dry_run=1", json={**BODY, "metadata": {"user": user}}).get_json()

    assert "reason" not in planned("ann")
    submit(client, metadata={"user": "ann"})
    assert planned("bob")["reason"] == "key_limit"


def test_a_keys_own_limits_count_for_it_at_once(client: FlaskClient) -> None:
    made = client.post("/v1/admin/keys", json={"name": "me", "limits": {"submits_per_minute": 1, "queued": "none"}})
    key, record = made.get_json()["key"], made.get_json()["id"]
    headers = {"Authorization": f"Bearer {key}"}
    found = client.get("/v1/usage", headers=headers).get_json()
    assert (found["owner"], found["key"]["name"], found["limits"]["submits_per_minute"]) == (record, "me", 1)
    assert "queued" not in found["limits"]
    statuses = [client.post("/v1/jobs", json=BODY, headers=headers).status_code for _ in range(2)]
    assert statuses == [202, 429]
    client.patch(f"/v1/admin/keys/{record}", json={"limits": {"submits_per_minute": 2}}, headers=headers)
    statuses = [client.post("/v1/jobs", json=BODY, headers=headers).status_code for _ in range(2)]
    assert statuses == [202, 429]


def test_who_has_a_link_does_not_use_up_its_owners_requests(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    made = client.post(f"/v1/jobs/{lease.job.id}/image/link", json={})
    path = made.get_json()["url"].partition("localhost")[2]
    for _ in range(6):
        with client.get(path) as answer:
            assert answer.status_code == 200
    assert client.get(path).status_code == 429
    assert client.get("/v1/jobs").status_code == 200


def test_while_nothing_can_be_counted_nothing_is_submitted(
    services: Services, serve: Callable[[Services], Flask]
) -> None:
    server = fakeredis.FakeServer()
    server.connected = False
    limiter = RateLimiter(Rates(Connection(fakeredis.FakeRedis(server=server))), LocalRates())
    client = serve(replace(services, rate_limiter=limiter)).test_client()
    # A plain one is counted in the step that writes its job.
    answer = client.post("/v1/jobs", json=BODY, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
    assert client.get("/v1/jobs").status_code == 200


@given(st.sampled_from(["0", "-1", "1.5", "many", "", "none", "7"]))
def test_a_limit_is_a_number_or_none(text: str) -> None:
    environ = {"DARKROOM_LIMIT_QUEUED": text}
    if text in {"", "none", "7"}:
        found = configuration.load(environ).limits.queued
        assert found == {"": 10_000, "none": None, "7": 7}[text]
    else:
        with pytest.raises(SettingsError, match=r"DARKROOM_LIMIT_QUEUED=.*or none"):
            configuration.load(environ)
