"""Repeated requests: idempotency keys, and the retries of SDKs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.access.api_keys import SCOPES
from jobs.record import keys
from providers.catalog import Catalog
from providers.live_catalog import LiveCatalog
from tests.support.fake_worker import FakeWorker
from web.services import Services

BODY = {"model": "echo", "input": {"prompt": "a red fox in snow"}}


def post(client: FlaskClient, body: Any = BODY, **headers: str) -> Any:
    return client.post("/v1/jobs", json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_a_request_with_a_key_is_answered_with_the_live_job(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    first = post(client, Idempotency_Key="k1")
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (202, False)
    job = services.store.get(first.get_json()["id"]).job
    fake_worker.succeed(fake_worker.claim(job))
    again = post(client, {"input": BODY["input"], "model": BODY["model"]}, Idempotency_Key="k1")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert (again.get_json()["id"], again.get_json()["status"]) == (job.id, "succeeded")
    assert again.headers["Location"] == first.headers["Location"]
    waited = post(client, Idempotency_Key="k1", Prefer="wait=5")
    assert (waited.status_code, waited.headers["Idempotency-Replayed"]) == (200, "true")
    assert services.queue.overview().queued == 0


def test_a_key_with_another_body_is_refused(client: FlaskClient, services: Services) -> None:
    post(client, Idempotency_Key="k1")
    answer = post(client, {**BODY, "input": {"prompt": "different"}}, Idempotency_Key="k1")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_key_reused")
    assert answer.get_json()["retryable"] is False
    assert services.queue.overview().queued == 1


@pytest.mark.parametrize("key", ["k" * 256, "\u00e9", "   ", "", "a b", "\x7f"])
def test_a_malformed_key_is_refused_and_makes_nothing(client: FlaskClient, services: Services, key: str) -> None:
    answer = post(client, Idempotency_Key=key)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_input")
    assert services.queue.overview().queued == 0


@pytest.mark.parametrize("key", ["a%0ab", "*", "a:b:c", "{tag}", "k" * 255, '"8e03978e"'])
def test_any_visible_text_is_a_key(client: FlaskClient, key: str) -> None:
    first, again = post(client, Idempotency_Key=key), post(client, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]


def test_a_refused_request_uses_no_key_up(client: FlaskClient, services: Services) -> None:
    assert post(client, {**BODY, "input": {"prompt": 1}}, Idempotency_Key="k1").status_code == 422
    assert not list(services.connection.client.scan_iter(keys.once("*")))
    assert post(client, Idempotency_Key="k1").status_code == 202


def test_another_tenants_key_is_another_key(client: FlaskClient, services: Services) -> None:
    one, two = services.keys.create("one", SCOPES)[1], services.keys.create("two", SCOPES)[1]
    services.gate.forget()
    ids = {post(client, Idempotency_Key="k", Authorization=f"Bearer {key}").get_json()["id"] for key in (one, two)}
    assert len(ids) == 2


def test_what_was_accepted_is_not_checked_again(
    client: FlaskClient, services: Services, serve: Callable[[Services], Flask]
) -> None:
    class Closed(Catalog):
        def choose(self, *_: Any) -> Any:
            raise AssertionError("it was asked again")

    first = post(client, Idempotency_Key="k1")
    closed = serve(replace(services, live=LiveCatalog.fixed(Closed.load()))).test_client()
    assert post(closed, Idempotency_Key="k1").get_json()["id"] == first.get_json()["id"]


def test_the_key_of_a_deleted_job_tells_that_it_is_gone(client: FlaskClient) -> None:
    job_id = post(client, Idempotency_Key="k1").get_json()["id"]
    client.delete(f"/v1/jobs/{job_id}")
    answer = post(client, Idempotency_Key="k1")
    assert (answer.status_code, answer.get_json()["id"]) == (410, job_id)


def test_a_repeat_of_an_sdk_joins_the_job_of_its_first_try(client: FlaskClient, services: Services) -> None:
    first = post(client, X_Stainless_Retry_Count="0")
    again = post(client, X_Stainless_Retry_Count="1")
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert post(client, X_Stainless_Retry_Count="0").get_json()["id"] != first.get_json()["id"]
    assert services.queue.overview().queued == 2


@pytest.mark.parametrize("count", ["", "0", "-1", "x", "1.5", "\u0661"])
def test_other_counts_are_no_repeats(client: FlaskClient, count: str) -> None:
    assert post(client).get_json()["id"] != post(client, X_Stainless_Retry_Count=count).get_json()["id"]
