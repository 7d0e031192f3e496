"""Where the database was emptied, nobody gets in, nothing is taken, and no job is said to be missing."""

from __future__ import annotations

import logging
from dataclasses import replace

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.record.identity import DatabaseIdentity
from jobs.record.leases import Leases
from settings import Bind, Settings
from tests.support.fake_worker import FakeWorker, name_database
from web import app as application
from web.build import build
from web.services import Services

JOB = {"model": "echo", "input": {"prompt": "a lighthouse"}}


def test_everything_is_answered_with_503_and_the_log_says_so_once(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    job = fake_worker.submit()
    Leases(services.connection).beat("w1", 4, 60, [])
    assert client.get("/readyz").status_code == 200
    services.connection.client.flushall()
    with caplog.at_level(logging.WARNING, "jobs.record.identity"):
        answers = [
            client.post("/v1/jobs", json=JOB),
            client.get(f"/v1/jobs/{job.id}"),
            client.get("/v1/jobs"),
            client.get(f"/v1/jobs/{job.id}/events"),
            client.post("/v1/batches", json={"model": "echo", "items": [{"prompt": "x"}]}),
        ]
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "30")}
    for answer in answers:
        problem = answer.get_json()
        assert (problem["code"], problem["retryable"]) == ("store_unavailable", True)
        assert "lost its database" in problem["detail"]
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "accept-database" in ready.get_json()["checks"]["database"]
    assert client.get("/healthz").status_code == 200
    assert len(caplog.records) == 1
    assert not services.connection.client.exists("dr:owners")


def test_a_poll_in_an_emptied_database_is_never_a_404(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    """Also in the moment before anything else could notice it."""
    job = fake_worker.submit()
    assert client.get(f"/v1/jobs/{job.id}").status_code == 200
    services.connection.client.flushall()
    assert client.get(f"/v1/jobs/{job.id}").status_code == 503


def test_keys_that_were_lost_open_nothing(client: FlaskClient, services: Services) -> None:
    """On a loopback address no key means open to all: an emptied database must not mean that."""
    _, key = services.keys.create("me")
    services.gate.forget()
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers=headers).status_code == 200
    services.connection.client.flushall()
    services.gate.forget()
    assert client.get("/v1/jobs").status_code == 503
    assert client.get("/v1/jobs", headers=headers).status_code == 503


def test_a_lost_key_is_not_called_wrong(public_app: Flask) -> None:
    services: Services = public_app.extensions["darkroom"]
    _, key = services.keys.create("me")
    client, headers = public_app.test_client(), {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/jobs", headers=headers).status_code == 200
    services.connection.client.flushall()
    services.gate.forget()
    assert client.get("/v1/jobs", headers=headers).status_code == 503


def test_once_it_is_accepted_everything_goes_on(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    job = fake_worker.submit()
    services.connection.client.flushall()
    assert client.post("/v1/jobs", json=JOB).status_code == 503
    DatabaseIdentity(services.connection.client, services.settings.identity_file).accept()
    services.identity.check()
    assert client.post("/v1/jobs", json=JOB).status_code == 202
    assert client.get(f"/v1/jobs/{job.id}").status_code == 404


def test_a_poll_costs_no_round_trip_more(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    client.get(f"/v1/jobs/{job.id}")
    asked: list[tuple[object, ...]] = []
    ask = services.identity._ask
    services.identity._ask = lambda: asked.append(()) or ask()  # type: ignore[func-returns-value, method-assign]
    for _ in range(5):
        assert client.get(f"/v1/jobs/{job.id}").status_code == 200
    assert not asked


def test_a_public_face_starts_with_an_emptied_database_and_lets_nobody_in(
    web_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """It must not end and be started again and again, with the wrong advice to make a first key."""
    chosen = replace(web_settings, bind=Bind("0.0.0.0", 8000))
    client = fakeredis.FakeRedis()
    built = build(chosen, client=client)
    name_database(built)
    built.close()
    client.flushall()
    face = application.create_app(chosen, build(chosen, client=client))
    assert face.test_client().get("/v1/jobs").status_code == 503
    assert "all requests are refused" in caplog.text
    face.extensions["darkroom"].close()
