"""Webhooks over HTTP: what may be asked for, the log, making one again, secrets."""

from __future__ import annotations

import base64
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.webhooks.deliveries import TYPES, Call, settled
from jobs.webhooks.outbox import Outbox
from tests.support.fake_worker import FakeWorker
from tests.support.resources import fits
from web.services import Services
from web.v1.schemas.webhooks import DeliveryList, DeliveryResource

URL = "https://hooks.example.com/a?token=SECRET"
BODY = {"model": "echo", "input": {}}


def submit(client: FlaskClient, **webhook: object) -> str:
    answer = client.post("/v1/jobs", json={**BODY, "webhook": {"url": URL, **webhook}})
    assert answer.status_code == 202, answer.get_json()
    job_id: str = answer.get_json()["id"]
    return job_id


def test_the_end_of_a_job_is_in_the_log_of_its_deliveries(client: FlaskClient, services: Services) -> None:
    job_id = submit(client)
    listed = f"/v1/jobs/{job_id}/deliveries"
    assert client.get(listed).get_json() == {"object": "list", "data": [], "has_more": False}
    client.post(f"/v1/jobs/{job_id}/cancel")
    answer = client.get(listed)
    (delivery,) = answer.get_json()["data"]
    assert fits(answer.get_json(), DeliveryList)
    assert (delivery["job_id"], delivery["type"], delivery["status"]) == (job_id, "job.canceled", "pending")
    assert (delivery["host"], delivery["attempts"]) == ("hooks.example.com", [])


def test_the_address_is_kept_encrypted_and_shown_nowhere(client: FlaskClient, services: Services) -> None:
    job_id = submit(client, events=list(TYPES))
    client.post(f"/v1/jobs/{job_id}/cancel")
    shown = [client.get(f"/v1/jobs/{job_id}{rest}").data for rest in ("", "/deliveries", "/events")]
    assert all(b"SECRET" not in text for text in shown)
    kept = [services.connection.client.dump(key) for key in services.connection.client.keys("*")]
    assert kept
    assert all(b"SECRET" not in (value or b"") for value in kept)
    (taken,) = Outbox(services.connection).take(1, lease_seconds=60, per_host=1, per_owner=1)
    locked = base64.b64decode(taken.delivery.target)
    assert b"SECRET" not in locked


@pytest.mark.parametrize(
    ("webhook", "pointer"),
    [
        ({"url": "https://127.0.0.1/"}, "/webhook/url"),
        ({"url": "http://hooks.example.com/"}, "/webhook/url"),
        ({"url": []}, "/webhook/url"),
        ({"url": ""}, "/webhook/url"),
        ({"url": "https://example.com/" + "a" * 2048}, "/webhook/url"),
        ({}, "/webhook/url"),
        ({"url": URL, "events": []}, "/webhook/events"),
        ({"url": URL, "events": "job.failed"}, "/webhook/events"),
        ({"url": URL, "events": ["job.failed", "job.failed"]}, "/webhook/events"),
        ({"url": URL, "events": ["completed"]}, "/webhook/events/0"),
        ({"url": URL, "payload": "fat"}, "/webhook/payload"),
        ({"url": URL, "secret": "x"}, "/webhook/secret"),
        ("https://example.com", "/webhook"),
    ],
)
def test_a_wrong_wish_is_refused_and_leaves_no_job(client: FlaskClient, webhook: object, pointer: str) -> None:
    answer = client.post("/v1/jobs", json={**BODY, "webhook": webhook})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]
    assert client.get("/v1/jobs").get_json()["data"] == []


def test_a_dry_run_checks_the_address_too(client: FlaskClient) -> None:
    bad = {**BODY, "webhook": {"url": "https://localhost/"}}
    assert client.post("/v1/jobs?dry_run=1", json=bad).status_code == 422


def test_a_message_links_to_where_the_client_was(client: FlaskClient, services: Services) -> None:
    job_id = submit(client, payload="thin")
    client.post(f"/v1/jobs/{job_id}/cancel")
    (taken,) = Outbox(services.connection).take(1, lease_seconds=60, per_host=1, per_owner=1)
    data = json.loads(taken.body)["data"]
    assert data["urls"]["self"] == f"http://localhost/v1/jobs/{job_id}"
    assert client.get(data["urls"]["self"]).get_json()["status"] == data["status"] == "canceled"


def test_the_full_message_is_the_job_as_a_poll_gives_it(client: FlaskClient, services: Services) -> None:
    job_id = submit(client)
    client.post(f"/v1/jobs/{job_id}/cancel")
    (taken,) = Outbox(services.connection).take(1, lease_seconds=60, per_host=1, per_owner=1)
    assert json.loads(taken.body)["data"] == client.get(f"/v1/jobs/{job_id}").get_json()


def test_a_failed_try_is_shown_without_the_peers_words_and_can_be_repeated(
    client: FlaskClient, services: Services
) -> None:
    job_id = submit(client)
    client.post(f"/v1/jobs/{job_id}/cancel")
    outbox = Outbox(services.connection)
    (taken,) = outbox.take(1, lease_seconds=60, per_host=1, per_owner=1)
    at = services.store.now()
    outbox.settle(taken, settled(taken.delivery, Call(at=at, seconds=0.2, status=410, error="status")))
    (shown,) = client.get(f"/v1/jobs/{job_id}/deliveries").get_json()["data"]
    assert fits(shown, DeliveryResource)
    assert shown["status"] == "disabled"
    assert shown["attempts"][0]["response_status"] == 410
    answer = client.post(f"/v1/jobs/{job_id}/deliveries/{shown['id']}/redeliver")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["id"]) == (202, "pending", shown["id"])
    assert [one.delivery.id for one in outbox.take(1, lease_seconds=60, per_host=1, per_owner=1)] == [shown["id"]]


def test_what_is_not_there_is_not_found(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    nobody = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    unknown = "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert client.get(f"/v1/jobs/{nobody}/deliveries").status_code == 404
    assert client.post(f"/v1/jobs/{nobody}/deliveries/{unknown}/redeliver").status_code == 404
    assert client.post(f"/v1/jobs/{job.id}/deliveries/{unknown}/redeliver").status_code == 404
    assert client.post(f"/v1/jobs/{job.id}/deliveries/{unknown}:body/redeliver").status_code == 404


def test_another_keys_deliveries_look_as_if_there_were_none(public_app: Flask) -> None:
    client, keys = public_app.test_client(), public_app.extensions["darkroom"].keys
    mine, theirs = (
        {"Authorization": f"Bearer {keys.create(name, ('submit', 'read'))[1]}"} for name in ("mine", "theirs")
    )
    job_id = client.post("/v1/jobs", json={**BODY, "webhook": {"url": URL}}, headers=mine).get_json()["id"]
    client.post(f"/v1/jobs/{job_id}/cancel", headers=mine)
    (delivery,) = client.get(f"/v1/jobs/{job_id}/deliveries", headers=mine).get_json()["data"]
    assert client.get(f"/v1/jobs/{job_id}/deliveries", headers=theirs).status_code == 404
    path = f"/v1/jobs/{job_id}/deliveries/{delivery['id']}/redeliver"
    assert client.post(path, headers=theirs).status_code == 404
    secrets = [client.get("/v1/webhooks/default/secret", headers=who).get_json()["key"] for who in (mine, theirs)]
    assert secrets[0] != secrets[1]


def test_the_secret_stays_until_it_is_rotated(client: FlaskClient, services: Services) -> None:
    first = client.get("/v1/webhooks/default/secret")
    assert first.headers["Cache-Control"] == "no-store"
    assert first.get_json()["key"].startswith("whsec_")
    assert client.get("/v1/webhooks/default/secret").get_json() == first.get_json()
    second = client.post("/v1/webhooks/default/secret/rotate").get_json()
    assert second != first.get_json()
    assert client.get("/v1/webhooks/default/secret").get_json() == second


@pytest.mark.parametrize(
    "body", [{}, {"url": "https://10.0.0.1/"}, {"url": 1}, {"url": URL, "x": 1}, [], {"url": None}]
)
def test_a_test_goes_only_where_a_webhook_may_go(client: FlaskClient, services: Services, body: object) -> None:
    assert client.post("/v1/webhooks/test", json=body).status_code == 422
    assert services.connection.client.keys("dr:hook*") == []


def test_a_rerun_tells_the_same_receiver(client: FlaskClient, services: Services) -> None:
    job_id = submit(client)
    client.post(f"/v1/jobs/{job_id}/cancel")
    again = client.post(f"/v1/jobs/{job_id}/rerun", json={}).get_json()["id"]
    client.post(f"/v1/jobs/{again}/cancel")
    assert len(client.get(f"/v1/jobs/{again}/deliveries").get_json()["data"]) == 1
