"""Who may come in: open mode, keys, scopes, tenants."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cli.stack.redis_server import free_port
from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import SCOPES, mint
from jobs.limits import UNLIMITED
from settings import Bind, Settings, SettingsError
from tests.support.connections import RiggedConnection
from tests.support.fake_worker import FakeWorker
from web.app import application, create_app
from web.http import auth, credentials
from web.services import Services


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def with_key(services: Services, *scopes: Any) -> str:
    record, key = services.keys.create("test", scopes or SCOPES)
    services.gate.forget()
    del record
    return key


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "127.3.2.1", "[::1]:8000", "LOCALHOST"])
def test_this_machines_own_names_reach_the_open_api(client: FlaskClient, host: str) -> None:
    assert client.get("/v1/jobs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("10.0.0.1", 421),
        ("localhost:99999", 400),
        ("localhost:-1", 400),
        ("local host", 400),
        ("a@localhost", 400),
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/", "/healthz"])
def test_a_rebound_name_does_not(client: FlaskClient, host: str, status: int, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_pages_of_other_sites_cannot_submit(client: FlaskClient, services: Services, headers: dict[str, str]) -> None:
    answer = client.post("/v1/jobs", json={"model": "echo", "input": {}}, headers=headers)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert services.queue.overview().queued == 0


def test_our_own_page_can(client: FlaskClient) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/jobs", json={"model": "echo", "input": {}}, headers=headers).status_code == 202


def test_once_there_is_a_key_every_request_needs_one(client: FlaskClient, services: Services) -> None:
    key = with_key(services)
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers=bearer(key)).status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer ",
        "Bearer x",
        "{key}",
        "Basic {key}",
        "Bearer {key} extra",
        "Bearer {key},Bearer x",
        "Bearer {cut}",
        "Bearer {lower}",
        "Bearer \u00e9\u00e9",
        "Bearer *",
    ],
)
def test_all_that_is_no_key_looks_the_same(client: FlaskClient, services: Services, header: str) -> None:
    key = with_key(services)
    text = header.format(key=key, cut=key[:-1], lower=key.lower())
    answer = client.get("/v1/jobs", headers={"Authorization": text})
    body = answer.get_json()
    del body["request_id"]
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert body["detail"] == credentials.BEARER.advice
    assert key not in answer.text


def test_two_credentials_in_one_request_are_refused(client: FlaskClient, services: Services) -> None:
    key = with_key(services)
    assert client.get("/v1/jobs", headers={**bearer(key), "X-API-Key": key}).status_code == 400


def test_a_key_does_what_its_scopes_allow(client: FlaskClient, services: Services) -> None:
    reader = with_key(services, "read")
    assert client.get("/v1/jobs", headers=bearer(reader)).status_code == 200
    answer = client.post("/v1/jobs", json={"model": "echo", "input": {}}, headers=bearer(reader))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert client.get("/metrics", headers=bearer(reader)).status_code == 403


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    services: Services, serve: Callable[[Services], Flask]
) -> None:
    now = time.monotonic()
    gate = auth.Gate(
        services.keys, Bind("127.0.0.1", 8000), "", services.identity, UNLIMITED, cache_seconds=2.0, clock=lambda: now
    )
    client = serve(replace(services, gate=gate)).test_client()
    key, other = with_key(services), with_key(services)
    assert client.get("/v1/jobs", headers=bearer(key)).status_code == 200
    record = services.keys.find(key)
    assert record is not None
    services.keys.revoke(record.id)
    assert client.get("/v1/jobs", headers=bearer(key)).status_code == 200
    now += 2.0
    assert client.get("/v1/jobs", headers=bearer(key)).status_code == 401
    assert client.get("/v1/jobs", headers=bearer(other)).status_code == 200


def test_remembered_keys_are_bounded(services: Services) -> None:
    for number in range(auth._CACHED_KEYS + 10):
        services.gate.find(f"no-key-{number}")
    assert len(services.gate._found) == auth._CACHED_KEYS


def test_without_any_key_a_public_address_lets_nobody_in(public_app: Flask) -> None:
    client = public_app.test_client()
    assert client.get("/v1/jobs", headers={"Host": "darkroom.example"}).status_code == 401
    assert client.get("/healthz", headers={"Host": "darkroom.example"}).status_code == 200


def test_a_public_address_without_a_key_does_not_start() -> None:
    keys = ApiKeyStore(RiggedConnection())
    auth.refuse_open_bind(keys, Bind("127.0.0.1", 8000))
    with pytest.raises(SettingsError, match="darkroom keys create"):
        auth.refuse_open_bind(keys, Bind("0.0.0.0", 8000))
    keys.create("first")
    auth.refuse_open_bind(keys, Bind("0.0.0.0", 8000))


def test_a_server_starts_while_redis_is_away_and_lets_nobody_in(web_settings: Settings) -> None:
    away = replace(web_settings, bind=Bind("0.0.0.0", 8000), redis_url=f"redis://127.0.0.1:{free_port()}/0")
    app = create_app(away)
    answer = app.test_client().get("/v1/jobs", headers=bearer(mint()))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
    app.extensions["darkroom"].close()


def test_a_wrong_configuration_ends_the_process_with_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DARKROOM_REDIS_URL", "")
    with pytest.raises(SystemExit):
        application()
    assert "DARKROOM_REDIS_URL is empty" in caplog.text


JOB_ROUTES = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("POST", "/rerun"),
    ("GET", "/events"),
    ("GET", "/image"),
    ("GET", "/preview"),
    ("GET", "/outputs/0"),
]


@pytest.mark.parametrize(("method", "rest"), JOB_ROUTES)
@pytest.mark.parametrize("deleted", [False, True])
def test_anothers_job_looks_like_an_unknown_one(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, method: str, rest: str, *, deleted: bool
) -> None:
    key = with_key(services)
    job = fake_worker.submit(owner="key_of_somebody_else")
    if deleted:
        services.jobs.delete(job.id, job.owner)
    unknown = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    answers = []
    for job_id in (job.id, unknown):
        answer = client.open(f"/v1/jobs/{job_id}{rest}", method=method, headers=bearer(key))
        body = answer.get_json()
        answers.append((answer.status_code, body["code"], body["detail"], sorted(body)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    if not deleted:
        assert services.store.get(job.id).job.status == "queued"
