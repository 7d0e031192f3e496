"""The admin's endpoints, and what everybody sees of what an admin did."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.access.api_keys import Scope
from tests.support.fake_worker import FakeWorker
from tests.support.resources import fits
from web.services import Services, Timings
from web.v1.schemas.admin import AdminJobList, ProviderControl, QueueControl


@pytest.fixture
def timings() -> Timings:
    """What an operator sets is seen at once."""
    return Timings(queue_estimates=0.0)


def waiting(client: FlaskClient, job_id: str) -> Any:
    return client.get(f"/v1/jobs/{job_id}").get_json()["queue"]["reason"]


def test_everything_can_be_paused_and_goes_on(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    fake_worker.leases.beat("w1", 10, 60, [])
    assert client.get("/v1/admin/queue").get_json() == {"object": "queue", "paused": False}
    paused = client.patch("/v1/admin/queue", json={"paused": True, "reason": "a new machine"}).get_json()
    assert (paused["paused"], paused["reason"], paused["changed_by"]) == (True, "a new machine", "local")
    assert fits(paused, QueueControl)
    assert client.get("/v1/admin/queue").get_json() == paused
    job = fake_worker.submit()
    assert waiting(client, job.id) == "paused"
    assert services.queue.overview().sent == 0
    assert client.patch("/v1/admin/queue", json={"paused": False}).get_json() == {"object": "queue", "paused": False}
    # What waited is sent at once, not when the scheduler next looks.
    assert services.queue.overview().sent == 1


@pytest.mark.parametrize(
    ("state", "shown", "reason"), [("draining", "paused", "paused"), ("disabled", "disabled", "no_provider")]
)
def test_a_provider_can_be_held(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, state: str, shown: str, reason: str
) -> None:
    fake_worker.leases.beat("w1", 10, 60, [])
    before = client.get("/v1/providers/echo").get_json()
    held = client.patch("/v1/admin/providers/echo", json={"state": state, "reason": "its owner rebuilds it"}).get_json()
    assert (held["state"], held["reason"]) == (state, "its owner rebuilds it")
    assert fits(held, ProviderControl)
    public = client.get("/v1/providers/echo").get_json()
    assert (public["state"], public["reason"]) == (shown, "its owner rebuilds it")
    job = fake_worker.submit()
    assert waiting(client, job.id) == reason
    back = client.patch("/v1/admin/providers/echo", json={"state": "enabled"}).get_json()
    assert (back["state"], back["in_flight"], "reason" in back) == ("enabled", 1, False)
    assert client.get("/v1/providers/echo").get_json() == {**before, "in_flight": 1}


def test_a_providers_limit_can_be_set(client: FlaskClient) -> None:
    configured = client.get("/v1/admin/providers/echo").get_json().get("configured_limit")
    assert client.patch("/v1/admin/providers/echo", json={"limit": 3}).get_json()["limit"] == 3
    assert client.get("/v1/providers/echo").get_json()["limit"] == 3
    lifted = client.patch("/v1/admin/providers/echo", json={"limit": None}).get_json()
    assert (lifted.get("limit"), lifted.get("configured_limit")) == (None, configured)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("queue", {}, "/paused"),
        ("queue", {"paused": 1}, "/paused"),
        ("queue", {"paused": True, "reason": ""}, "/reason"),
        ("queue", {"paused": True, "reason": "a\nb"}, "/reason"),
        ("queue", {"paused": True, "reason": "a" * 201}, "/reason"),
        ("queue", {"paused": True, "until": 1}, "/until"),
        ("providers/echo", {}, ""),
        ("providers/echo", {"state": "paused"}, "/state"),
        ("providers/echo", {"limit": 0}, "/limit"),
        ("providers/echo", {"limit": 2.5}, "/limit"),
        ("providers/echo", {"limit": "2"}, "/limit"),
        ("providers/echo", {"reason": "x"}, "/reason"),
        ("providers/echo", {"state": "enabled", "reason": "x"}, "/reason"),
        ("providers/echo", {"paused": True}, "/paused"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    client: FlaskClient, path: str, body: Any, pointer: str
) -> None:
    before = client.get(f"/v1/admin/{path}").get_json()
    answer = client.patch(f"/v1/admin/{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.get_json()["errors"][0]["pointer"] == pointer
    assert client.get(f"/v1/admin/{path}").get_json() == before


def test_an_unknown_provider_is_not_found(client: FlaskClient) -> None:
    assert client.get("/v1/admin/providers/ecko").status_code == 404
    assert client.patch("/v1/admin/providers/ecko", json={"state": "disabled"}).status_code == 404


def test_everybodys_jobs_are_listed_with_their_owners(client: FlaskClient, fake_worker: FakeWorker) -> None:
    ids = [fake_worker.submit(owner=owner).id for owner in ("key_a", "key_b", "local", "key_b")]
    page = client.get("/v1/admin/jobs?limit=3")
    body = page.get_json()
    assert [(job["id"], job["owner"]) for job in body["data"]] == [
        (ids[3], "key_b"), (ids[2], "local"), (ids[1], "key_b")
    ]  # fmt: skip
    assert fits(body, AdminJobList)
    following = page.headers["Link"].partition(">")[0].lstrip("<").removeprefix("http://localhost")
    assert following.startswith("/v1/admin/jobs?")
    assert [job["id"] for job in client.get(following).get_json()["data"]] == [ids[0]]
    of_b = client.get("/v1/admin/jobs?owner=key_b&status=queued").get_json()["data"]
    assert [job["id"] for job in of_b] == [ids[3], ids[1]]
    # A cursor of one list is none of another's.
    assert client.get(f"/v1/jobs?cursor={body['next_cursor']}").status_code == 422
    assert client.get("/v1/jobs?owner=key_b").status_code == 422


def test_who_did_what_is_in_the_log(public_app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    found: Services = public_app.extensions["darkroom"]
    scopes: tuple[Scope, ...] = ("admin",)
    record, text = found.keys.create("admin", scopes)
    client, headers = public_app.test_client(), {"Authorization": f"Bearer {text}"}
    with caplog.at_level(logging.INFO):
        client.patch("/v1/admin/queue", json={"paused": True}, headers=headers)
        client.patch("/v1/admin/providers/echo", json={"state": "draining", "limit": 2}, headers=headers)
        client.get("/v1/admin/jobs", headers=headers)
    lines = [line for line in caplog.records if line.name == "audit"]
    assert [line.getMessage() for line in lines] == [
        "admin: paused everything", "admin: set a provider's limit", "admin: held a provider's jobs back",
        "admin: listed jobs",
    ]  # fmt: skip
    assert {vars(line)["by"] for line in lines} == {record.id}
    assert text not in caplog.text
