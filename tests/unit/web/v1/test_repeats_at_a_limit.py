"""A request that made something is answered with it when it comes again, whatever limit has been reached since."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.files.uploads import Uploads
from jobs.limits import Limits
from settings import Settings
from tests.support.sample_images import plain_image
from web.services import Services

JOB: dict[str, Any] = {"model": "echo", "input": {"prompt": "x"}, "metadata": {"user": "ann"}}
PICTURE = plain_image()

Ask = Callable[[FlaskClient, str], TestResponse]


def job(client: FlaskClient, key: str) -> TestResponse:
    return client.post("/v1/jobs", json=JOB, headers={"Idempotency-Key": key})


def batch(client: FlaskClient, key: str) -> TestResponse:
    return client.post("/v1/batches", json={"jobs": [JOB]}, headers={"Idempotency-Key": key})


def rerun(client: FlaskClient, key: str) -> TestResponse:
    first = client.get("/v1/jobs").get_json()["data"][-1]
    return client.post(f"/v1/jobs/{first['id']}/rerun", headers={"Idempotency-Key": key})


def upload(client: FlaskClient, key: str) -> TestResponse:
    form = {"file": (io.BytesIO(PICTURE), "a.png")}
    return client.post("/v1/files", data=form, headers={"Idempotency-Key": key})


#: Each route that makes something: its status, and the limits that refuse one more of it.
ROUTES: dict[Ask, tuple[int, tuple[str, ...]]] = {
    job: (202, ("submits_per_minute", "input_bytes_per_day", "queued", "user_queued")),
    batch: (202, ("submits_per_minute", "input_bytes_per_day", "queued", "user_queued")),
    rerun: (202, ("submits_per_minute", "queued", "user_queued")),
    upload: (201, ("input_bytes_per_day", "files", "file_bytes")),
}


@pytest.fixture
def web_settings(web_settings: Settings) -> Settings:
    return replace(web_settings, limits=Limits(submits_per_minute=1000, input_bytes_per_day=1 << 30))


@pytest.fixture
def asked(services: Services, serve: Callable[[Services], Flask]) -> Callable[[Services], FlaskClient]:
    """Makes a client, with the only key, of the application on such services."""
    _, key = services.keys.create("one")
    services.gate.forget()

    def client_of(used: Services) -> FlaskClient:
        client = serve(used).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return client

    return client_of


def limited(services: Services, limit: str, most: int) -> Services:
    """Services that allow no more of this than ``most``."""
    if limit in {"files", "file_bytes"}:
        room = {"most_bytes": 1 << 30, {"files": "most", "file_bytes": "most_bytes"}[limit]: most}
        return replace(services, uploads=Uploads(services.connection, services.artifacts, **room))
    services.keys.change(next(services.keys.each()).id, limits={limit: most})
    services.gate.forget()
    return services


@pytest.mark.parametrize(("ask", "limit"), [(ask, limit) for ask, (_, limits) in ROUTES.items() for limit in limits])
def test_what_was_made_is_found_before_a_limit_refuses(
    services: Services, asked: Callable[[Services], FlaskClient], ask: Ask, limit: str
) -> None:
    client, status = asked(services), ROUTES[ask][0]
    client.post("/v1/jobs", json=JOB)
    first = ask(client, "order-1")
    assert first.status_code == status, first.text
    used = client.get("/v1/usage?user=ann").get_json()["used"]
    full = asked(limited(services, limit, used.get(limit, 2)))
    again = ask(full, "order-1")
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (status, "true"), again.text
    assert again.get_json()["id"] == first.get_json()["id"]
    refused = ask(full, "order-2")
    assert (refused.status_code, refused.get_json()["code"]) in {(429, "quota_exceeded"), (429, "rate_limited")}


def test_a_repeat_of_an_sdk_is_found_too(services: Services, asked: Callable[[Services], FlaskClient]) -> None:
    client = asked(services)
    first = client.post("/v1/jobs", json=JOB)
    full = asked(limited(services, "submits_per_minute", 1))
    again = full.post("/v1/jobs", json=JOB, headers={"X-Stainless-Retry-Count": "1"})
    assert (again.status_code, again.get_json()["id"]) == (202, first.get_json()["id"])
    assert (
        full.post("/v1/jobs", json={**JOB, "priority": "high"}, headers={"X-Stainless-Retry-Count": "1"}).status_code
        == 429
    )
    assert full.post("/v1/jobs", json=JOB, headers={"X-Stainless-Retry-Count": "0"}).status_code == 429


def test_keys_do_not_take_the_limit_away(services: Services, asked: Callable[[Services], FlaskClient]) -> None:
    """Without it, a key in each request would let a loop send bodies without end."""
    full = asked(limited(limited(services, "submits_per_minute", 1), "reads_per_minute", 3))
    statuses = [job(full, f"order-{number}").status_code for number in range(8)]
    assert statuses == [202] + 7 * [429]
    whole = full.post("/v1/jobs", data=b"no JSON", headers={"Idempotency-Key": "k"}, content_type="application/json")
    assert whole.status_code == 429, "it is refused before its body is read"


def test_a_rerun_is_found_although_the_first_job_is_gone(client: FlaskClient) -> None:
    client.post("/v1/jobs", json=JOB)
    first = client.get("/v1/jobs").get_json()["data"][0]
    path, headers = f"/v1/jobs/{first['id']}/rerun", {"Idempotency-Key": "order-1"}
    made = client.post(path, headers=headers).get_json()
    client.delete(f"/v1/jobs/{first['id']}")
    again = client.post(path, headers=headers)
    assert (again.status_code, again.get_json()["id"]) == (202, made["id"])
    assert client.post(path).status_code == 410
