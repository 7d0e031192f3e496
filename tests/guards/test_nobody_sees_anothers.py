"""What belongs to another key looks exactly like what is not there, at every route that takes an id; and what every answer carries."""

from __future__ import annotations

import io
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import settings
from jobs.access.api_keys import OPERATOR_SCOPES
from jobs.error_codes import CAUSES
from providers import Busy, Changed, Crashed, Protocol, ProviderError, Quota, Unreachable
from providers.echo.painting import paint
from settings import Bind
from tests.support import gradio_apps
from tests.support.connections import RiggedConnection
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker, name_database
from tests.support.worker_parts import WorkerParts
from web.app import assemble
from web.build import build
from web.openapi.document import Route, routes
from web.services import Services

UNKNOWN = {
    "job_id": "job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "batch_id": "batch_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "file_id": "file_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "delivery_id": "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "index": "0",
    "path": "job_01ARZ3NDEKTSV4RRFFQ69G5FAV/0/image.png",
}
#: Ids that no caller owns: names of models, providers, functions and Spaces, a client's own name of its session, and keys,
#: which are the admins'.
PUBLIC = {"name", "api_name", "owner", "space", "session", "version", "key_id"}
#: A model that is a function of an app.
APP = {"name": gradio_apps.MODEL, "api_name": gradio_apps.INFER.api_name}
#: What differs between any two answers.
VOLATILE = {"date", "x-request-id", "ratelimit", "ratelimit-policy"}


@dataclass
class Two:
    """Two keys; the first owns something of every kind."""

    app: Flask
    client: FlaskClient
    owner: str
    other: str
    owned: dict[str, str]
    deleted: str
    services: Services

    def ask(self, key: str, route: Route, ids: dict[str, str]) -> TestResponse:
        path = route.path
        for name, value in {**APP, **ids}.items():
            path = path.replace(f"{{{name}}}", value)
        headers = {"Authorization": f"Bearer {key}"}
        body: dict[str, str] | None = {} if route.declared.body else None
        return self.client.open(path, method=route.method.upper(), headers=headers, json=body, buffered=True)

    def private(self) -> list[Route]:
        return [
            route for route in routes(self.app) if set(route.parameters) - PUBLIC - {"index"} and route.declared.scope
        ]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    chosen = settings.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})
    built = build(replace(chosen, bind=Bind("0.0.0.0", 8000)), client=fakeredis.FakeRedis())
    name_database(built)
    app = assemble(built)
    client = app.test_client()
    (_, owner), (_, other) = (built.keys.create(name, OPERATOR_SCOPES) for name in ("owner", "other"))
    mine = {"Authorization": f"Bearer {owner}"}
    hook = {"url": "https://hooks.example.com/x", "events": ["job.started", "job.succeeded"]}
    gradio_apps.know(built)
    body = {"model": gradio_apps.MODEL, "input": {"prompt": "a lighthouse"}, "webhook": hook}
    jobs = [client.post("/v1/jobs", json=body, headers=mine).get_json()["id"] for _ in range(2)]
    fake_worker = FakeWorker(built)
    lease = fake_worker.claim(built.store.get(jobs[0]).job)
    fake_worker.preview(lease, 0)
    fake_worker.succeed(lease)
    delivery = client.get(f"/v1/jobs/{jobs[0]}/deliveries", headers=mine).get_json()["data"][0]["id"]
    assert client.delete(f"/v1/jobs/{jobs[1]}", headers=mine).status_code == 204
    batch = client.post("/v1/batches", json={"jobs": [body]}, headers=mine).get_json()["id"]
    picture = (io.BytesIO(paint("x", 1, 64, 64)), "a.png", "image/png")
    file = client.post("/v1/files", data={"file": picture}, headers=mine).get_json()["id"]
    owned = {"job_id": jobs[0], "batch_id": batch, "file_id": file, "delivery_id": delivery, "index": "0"}
    owned["path"] = f"{jobs[0]}/0/image.png"
    yield Two(app, client, owner, other, owned, jobs[1], built)
    built.close()


def seen(answer: TestResponse, ids: dict[str, str]) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without what differs between any two, and with the ids that were asked for replaced."""
    text, headers = answer.text, []
    for name, value in answer.headers:
        if name.lower() not in VOLATILE:
            headers.append((name, value))
    for name, value in ids.items():
        if name != "index":
            text = text.replace(value, name)
    if answer.is_json or answer.content_type == "application/problem+json":
        body = json.loads(text)
        body.pop("request_id", None)
        text = json.dumps(body)
    # The length goes with the length of the request's id, which is this test's own.
    return answer.status_code, [pair for pair in headers if pair[0] != "Content-Length"], text


def test_the_table_knows_every_kind_of_id(two: Two) -> None:
    assert {name for route in routes(two.app) for name in route.parameters} <= set(UNKNOWN) | PUBLIC
    assert len(two.private()) > 15


def test_the_owner_gets_in_where_the_other_must_not(two: Two) -> None:
    """Else the next test could not fail."""
    for route in two.private():
        if route.method == "get":
            assert two.ask(two.owner, route, two.owned).status_code in {200, 204}, route.path


def test_anothers_is_like_what_is_not_there(two: Two) -> None:
    gone = {**two.owned, "job_id": two.deleted}
    for route in two.private():
        unknown = seen(two.ask(two.other, route, UNKNOWN), UNKNOWN)
        assert unknown[0] == 404, (route.method, route.path)
        for ids in (two.owned, gone):
            assert seen(two.ask(two.other, route, ids), ids) == unknown, (route.method, route.path)
    # And nothing was done to it.
    for route in two.private():
        if route.method == "get":
            assert two.ask(two.owner, route, two.owned).status_code in {200, 204}, route.path


def test_no_list_shows_anothers(two: Two) -> None:
    for route in routes(two.app):
        if route.method == "get" and route.declared.scope == "read" and not set(route.parameters) - PUBLIC:
            answer = two.client.get(
                route.path.replace("{name}", "echo"), headers={"Authorization": f"Bearer {two.other}"}
            )
            for value in (*two.owned.values(), two.deleted):
                assert len(value) < 5 or value not in answer.text, route.path


def test_what_is_anothers_takes_no_longer_to_be_refused(two: Two) -> None:
    """Within a factor. The time of the processor is measured: what else the machine does takes none of it."""
    headers = {"Authorization": f"Bearer {two.other}"}
    times: dict[str, list[float]] = {}
    for _ in range(40):
        for job_id in (two.owned["job_id"], UNKNOWN["job_id"]):
            began = time.thread_time()
            assert two.client.get(f"/v1/jobs/{job_id}", headers=headers).status_code == 404
            times.setdefault(job_id, []).append(time.thread_time() - began)
    first, second = (statistics.median(found) for found in times.values())
    assert 1 / 3 < first / second < 3


def test_every_answer_carries_the_headers_that_keep_browsers_in_check(two: Two) -> None:
    for route in routes(two.app):
        for method in (route.method.upper(), "OPTIONS", "TRACE", "PUT"):
            path = route.path
            for name, value in {**two.owned, "name": "docs.js", "key_id": "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"}.items():
                path = path.replace(f"{{{name}}}", value)
            headers = {"Authorization": f"Bearer {two.other}", "Origin": "https://evil.example"}
            answer = two.client.open(path, method=method, headers=headers)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", (method, path)
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, (path, policy)
            assert "frame-ancestors 'none'" in policy or "sandbox" in policy, (path, policy)
            assert len(answer.headers.getlist("Content-Security-Policy")) == 1
            # No page of another site reads anything: there is no CORS, not even for asking.
            assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
            assert "Set-Cookie" not in answer.headers
            if method == "TRACE":
                assert answer.status_code == 405
                assert two.other not in answer.text


def test_the_open_mode_refuses_pages_of_other_sites_at_every_route(tmp_path: Path) -> None:
    """Rebound names and drive-by requests: what a browser on this machine could be made to send."""
    chosen = settings.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})
    built = build(chosen, client=fakeredis.FakeRedis())
    name_database(built)
    app = assemble(built)
    client = app.test_client()
    for route in routes(app):
        path = route.path
        for name, value in {**UNKNOWN, "name": "echo", "key_id": "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"}.items():
            path = path.replace(f"{{{name}}}", value)
        method = route.method.upper()
        assert client.open(path, method=method, headers={"Host": "evil.example"}).status_code == 421, path
        if route.declared.scope is None:
            continue
        for headers in (
            {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Site": "same-site"},
        ):  # fmt: skip
            assert client.open(path, method=method, headers=headers).status_code == 403, (method, path, headers)
    built.close()


QUOTE = "canary: a lighthouse for Aunt Mary"


@pytest.mark.parametrize(
    "errors",
    [
        [Crashed(QUOTE), Unreachable(QUOTE), Protocol(QUOTE), Changed(QUOTE), Crashed(QUOTE)],
        [Quota(QUOTE, retry_after=900.0, title=QUOTE)],
        [Busy(QUOTE)],
    ],
    ids=["circuit", "quota", "busy"],
)
def test_what_an_app_says_about_anothers_job_is_told_nowhere_else(
    two: Two, tmp_path: Path, errors: list[ProviderError]
) -> None:
    """The app quotes the prompt in each of its errors; the other key looks through every door."""
    redis = two.services.connection.client
    parts = WorkerParts(tmp_path / "worker", RiggedConnection(redis))
    quoted = []
    for number, error in enumerate(errors):
        parts.script(error, name="echo")
        owner = f"key_{number}"
        runner = parts.runner(model="echo", route=("echo",), owner=owner, user=owner)
        runner.run()
        quoted.append(parts.job(runner.job_id).attempts[-1].error)
    assert all(failure is not None and failure.detail == QUOTE for failure in quoted), "its owner is told"
    mine = {"Authorization": f"Bearer {two.other}"}
    body = {"model": "echo", "input": {"prompt": "x"}}
    waiting = two.client.post("/v1/jobs", json=body, headers=mine).get_json()["id"]
    # What is known of providers may be a second old.
    eventually(
        lambda: (
            two.client.get(f"/v1/jobs/{waiting}", headers=mine).get_json()["queue"]["reason"] == "provider_cooldown"
        ),
        "it waits for the provider",
    )
    told = {"plan": two.client.post("/v1/jobs?dry_run=1", json=body, headers=mine)}
    for route in routes(two.app):
        # A stream goes on for ever, and an admin may see all jobs.
        if (
            route.method == "get"
            and not route.path.endswith(("/events", "/stream"))
            and route.declared.scope != "admin"
        ):
            ids = {"job_id": waiting, "index": "0", "name": "echo"}
            told[route.path] = two.ask(two.other, route, {**UNKNOWN, **ids})
    told["metrics"] = two.client.get("/metrics", headers=mine)
    echo = told["/v1/providers/{name}"].get_json()
    assert (echo["state"], bool(echo["last_error"])) == ("down" if len(errors) > 1 else "resting", True)
    assert echo["cooldown"]["reason"] in {cause.title for cause in CAUSES.values()}
    for door, answer in told.items():
        assert b"canary" not in answer.data, door
        assert "canary" not in str(answer.headers), door
    for key in redis.keys("dr:provider:*"):
        assert "canary" not in repr(redis.hgetall(key)), "what is shared holds no text at all"
