"""A new secret key is put above the old one and the service restarted: what clients hold and repeat goes on."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.submissions import Submission, Submissions
from settings import Settings
from tests.support.fake_worker import FakeWorker, name_database
from tests.support.sample_images import plain_image
from web.build import build
from web.services import Services

BODY: dict[str, Any] = {"model": "echo", "input": {"prompt": "a red fox in snow", "seed": 7}}


@pytest.fixture
def renewed(
    client: FlaskClient,
    web_settings: Settings,
    fake_server: fakeredis.FakeServer,
    serve: Callable[[Services], Flask],
) -> Iterator[Callable[[], FlaskClient]]:
    """Puts a new key above the old one and starts the application again."""
    del client
    built: list[Services] = []

    def start() -> FlaskClient:
        file = web_settings.secret_key_file
        file.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n" + file.read_bytes())
        redis = fakeredis.FakeRedis(server=fake_server)
        built.append(build(web_settings, client=redis))
        name_database(built[-1])
        return serve(built[-1]).test_client()

    yield start
    for each in built:
        each.close()


def job(client: FlaskClient) -> TestResponse:
    return client.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "order-1"})


def batch(client: FlaskClient) -> TestResponse:
    return client.post("/v1/batches", json={"jobs": [BODY, BODY]}, headers={"Idempotency-Key": "order-1"})


def upload(client: FlaskClient) -> TestResponse:
    form = {"file": (io.BytesIO(plain_image()), "a.png")}
    return client.post("/v1/files", data=form, headers={"Idempotency-Key": "order-1"})


def repeat(client: FlaskClient) -> TestResponse:
    """As an SDK sends a request that it has sent before."""
    return client.post("/v1/jobs", json=BODY, headers={"X-Stainless-Retry-Count": "1"})


@pytest.mark.parametrize("ask", [job, batch, upload, repeat])
def test_a_request_that_comes_again_makes_nothing_new(
    client: FlaskClient, renewed: Callable[[], FlaskClient], ask: Callable[[FlaskClient], TestResponse]
) -> None:
    first = ask(client)
    # Twice: a file may hold more than one older key.
    for newer in (renewed(), renewed()):
        again = ask(newer)
        assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (first.status_code, "true")
        assert again.get_json()["id"] == first.get_json()["id"]


def test_another_request_with_the_same_key_is_still_refused(
    client: FlaskClient, renewed: Callable[[], FlaskClient]
) -> None:
    job(client)
    other = {**BODY, "input": {"prompt": "another"}}
    answer = renewed().post("/v1/jobs", json=other, headers={"Idempotency-Key": "order-1"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")


def test_requests_of_one_moment_find_each_other(services: Services, renewed: Callable[[], FlaskClient]) -> None:
    """The script that writes looks again: the twin may have come between the look and the write."""
    marks: dict[str, Any] = {"owner": "local", "route": "r", "path": "/v1/jobs", "body": b"{}", "repeated": True}
    asked = Submission(owner="local", model="echo", given={}, inputs={"echo": {}})
    first = services.submissions.accept(asked, services.submissions.once(**marks))
    newer: Submissions = renewed().application.extensions["darkroom"].submissions
    again = newer.accept(asked, newer.once(**marks))
    assert (again.record.job.id, again.replayed) == (first.record.job.id, True)


def test_a_result_that_is_kept_answers_the_same_request(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, renewed: Callable[[], FlaskClient]
) -> None:
    asked = {**BODY, "cache": "allow"}
    first = client.post("/v1/jobs", json=asked).get_json()
    fake_worker.succeed(fake_worker.claim(services.store.get(first["id"]).job))
    assert renewed().post("/v1/jobs", json=asked).get_json()["cache"] == "hit"


def test_lists_go_on_where_they_were(
    client: FlaskClient, fake_worker: FakeWorker, renewed: Callable[[], FlaskClient]
) -> None:
    for _ in range(3):
        fake_worker.submit()
    first = client.get("/v1/jobs?limit=2").get_json()
    rest = renewed().get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}")
    assert (rest.status_code, len(rest.get_json()["data"])) == (200, 1)


def test_links_and_webhook_secrets_stay(
    client: FlaskClient, fake_worker: FakeWorker, renewed: Callable[[], FlaskClient]
) -> None:
    link = client.post(f"/v1/jobs/{fake_worker.submit().id}/image/link").get_json()["url"]
    secret = client.get("/v1/webhooks/default/secret").get_json()
    newer = renewed()
    assert newer.get(link.removeprefix("http://localhost")).status_code == 200
    assert newer.get("/v1/webhooks/default/secret").get_json() == secret
