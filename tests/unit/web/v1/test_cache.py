"""The same request once more, answered with what an earlier job made."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace

from jobs import events
from jobs.cache import ELUSIVE, identity
from jobs.model import Failure, Output, Recipe
from tests.support.fake_worker import FakeWorker
from tests.support.sample_jobs import make_job
from web.services import Services

ASKED: dict[str, Any] = {"model": "echo", "input": {"prompt": "a lighthouse", "seed": 7}}
RECIPE = Recipe(model="echo", version="1", job_id="job_01ARZ3NDEKTSV4RRFFQ69G5FAV", at=1.0, fixed={"seed": 7})


def ask(client: FlaskClient, status: int = 202, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    answer = client.post("/v1/jobs", json={**ASKED, "cache": "allow", **changes}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def run(fake_worker: FakeWorker, services: Services, job: Any) -> bytes:
    """Let a job succeed, and give its picture."""
    return fake_worker.succeed(fake_worker.claim(services.store.get(job["id"]).job))


@pytest.fixture
def first(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> Any:
    """A job that has succeeded."""
    job = ask(client)
    assert (job["cache"], job["status"]) == ("miss", "queued")
    run(fake_worker, services, job)
    return client.get(f"/v1/jobs/{job['id']}").get_json()


def test_the_same_request_gets_what_the_first_one_made(client: FlaskClient, services: Services, first: Any) -> None:
    again = ask(client)
    assert (again["cache"], again["status"], again["attempts"]) == ("hit", "succeeded", [])
    assert again["id"] != first["id"]
    made, before = again["outputs"][0], first["outputs"][0]
    assert (made["sha256"], made["bytes"], made["seed"]) == (before["sha256"], before["bytes"], before["seed"])
    assert again["id"] in made["url"]
    assert (again["input"], again["provider"]) == (first["input"], "echo")
    assert again["metrics"] == {"total_seconds": 0.0}
    overview = services.queue.overview()
    assert (overview.queued, overview.running, overview.sent) == (0, 0, 0)
    listed = client.get("/v1/jobs").get_json()["data"]
    assert [job["id"] for job in listed] == [again["id"], first["id"]]


def test_its_log_says_so_and_its_stream_ends_at_once(client: FlaskClient, first: Any) -> None:
    again = ask(client)
    log = client.get(f"/v1/jobs/{again['id']}/events", headers={"Accept": "application/json"}).get_json()["data"]
    assert [(entry["event"], entry["data"].get("status")) for entry in log] == [
        ("output", None),
        ("status", "succeeded"),
    ]
    stream = client.get(f"/v1/jobs/{again['id']}/events").text
    assert stream.count("event: ") == 2
    assert "event: snapshot" in stream
    assert "event: end" in stream
    waited = client.post("/v1/jobs", json={**ASKED, "cache": "allow"}, headers={"Prefer": "wait=5"})
    assert (waited.status_code, waited.get_json()["cache"]) == (200, "hit")


def test_each_keeps_its_files_as_long_as_it_is_kept_itself(client: FlaskClient, services: Services, first: Any) -> None:
    again, third = ask(client, retention_seconds=60), ask(client)
    assert again["retention_seconds"] == 60
    picture = client.get(f"/v1/jobs/{first['id']}/outputs/0", buffered=True).data
    for job, left in ((first, again), (again, third)):
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert client.get(f"/v1/jobs/{left['id']}/outputs/0", buffered=True).data == picture
    # The first is gone, and the newest one with its result answers on.
    assert ask(client)["cache"] == "hit"


def test_what_is_kept_longest_answers(
    client: FlaskClient, fake_worker: FakeWorker, services: Services, first: Any
) -> None:
    def answering() -> str:
        (name,) = services.connection.client.scan_iter("dr:cache:*")
        return services.connection.client.get(name).decode()  # type: ignore[union-attr]

    assert ask(client, retention_seconds=60)["cache"] == "hit"
    assert answering() == first["id"]
    longer = ask(client, retention_seconds=200_000)
    assert answering() == longer["id"]
    client.delete(f"/v1/jobs/{longer['id']}")
    anew = ask(client, retention_seconds=60)
    run(fake_worker, services, anew)
    assert answering() == anew["id"]


def test_what_is_gone_answers_nothing(
    client: FlaskClient, fake_worker: FakeWorker, services: Services, first: Any
) -> None:
    client.delete(f"/v1/jobs/{first['id']}")
    assert ask(client)["cache"] == "miss"
    fake_worker.succeed(fake_worker.claim(services.store.get(ask(client)["id"]).job))
    ready = ask(client)
    services.artifacts.delete(ready["id"])
    lost = ask(client)
    assert (lost["cache"], lost["status"]) == ("miss", "queued")
    assert not list((services.settings.artifacts_dir / lost["id"][-2:] / lost["id"]).glob("*"))


def test_nobody_is_answered_who_did_not_ask_for_it(client: FlaskClient, first: Any) -> None:
    plain = ask(client, cache="off")
    assert plain["status"] == "queued"
    assert "cache" not in plain
    assert ask(client, status=422, cache="yes")["errors"][0]["pointer"] == "/cache"


def test_a_job_that_did_not_ask_can_answer_others(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    run(fake_worker, services, ask(client, cache="off"))
    assert ask(client)["cache"] == "hit"


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"prompt": "a lighthouse", "seed": 8}},
        {"input": {"prompt": "a windmill", "seed": 7}},
        {"input": {"prompt": "a lighthouse", "seed": 7, "width": 64}},
        {"provider": "echo"},
        {"embed_recipe": False},
    ],
)
def test_another_request_is_another(client: FlaskClient, first: Any, changes: Any) -> None:
    job = ask(client, **changes)
    assert (job["cache"], job["status"]) == ("miss", "queued")
    assert "warnings" not in job


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"prompt": "a lighthouse", "seed": 7, "width": 512, "height": 512}},
        {"input": {"seed": 7, "prompt": "a lighthouse"}},
        {"priority": "high", "metadata": {"user": "bob"}, "deadline_seconds": 60, "retention_seconds": 5},
    ],
)
def test_what_makes_no_difference_makes_none(client: FlaskClient, first: Any, changes: Any) -> None:
    assert ask(client, **changes)["cache"] == "hit"


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"prompt": "a lighthouse"}},
        {"credentials": {"hf_token": "hf_0123456789"}},
        {"model": "flux-schnell", "input": {"prompt": "x", "seed": 7, "randomize_seed": True}},
    ],
)
def test_what_has_no_one_answer_is_never_answered(
    client: FlaskClient, fake_worker: FakeWorker, services: Services, changes: Any
) -> None:
    run(fake_worker, services, ask(client, **changes))
    job = ask(client, **changes)
    assert (job["cache"], job["status"], job["warnings"]) == ("miss", "queued", [ELUSIVE])


def test_a_failure_is_no_answer(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    lease = fake_worker.claim(services.store.get(ask(client)["id"]).job)
    fake_worker.write(lease, events.Failed, error=Failure(code="provider_error", detail="boom"))
    assert ask(client)["cache"] == "miss"


def test_texts_are_answered_too_and_a_rerun_draws_from_the_recipe(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    lease = fake_worker.claim(services.store.get(ask(client)["id"]).job)
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="two dogs"),), recipe=RECIPE)
    again = ask(client)
    assert (again["cache"], again["outputs"][0]["text"]) == ("hit", "two dogs")
    assert again["recipe"]["job_id"] == RECIPE.job_id
    assert client.post(f"/v1/jobs/{again['id']}/rerun").get_json()["input"]["seed"] == 7


def test_a_key_of_its_own_holds_for_the_answer(client: FlaskClient, services: Services, first: Any) -> None:
    headers = {"Idempotency-Key": "once"}
    one, two = (ask(client, headers=headers) for _ in range(2))
    assert (one["id"], one["cache"]) == (two["id"], "hit")
    assert ask(client, headers={"X-Stainless-Retry-Count": "0"})["id"] != one["id"]


def test_a_batch_is_answered_job_by_job(client: FlaskClient, services: Services, first: Any) -> None:
    body = {"template": {**ASKED, "cache": "allow"}, "matrix": {"input.seed": [7, 8]}}
    batch = client.post("/v1/batches", json=body).get_json()
    assert (batch["counts"]["succeeded"], batch["counts"]["queued"], batch["progress"]) == (1, 1, 0.5)
    assert services.queue.overview().queued == 1
    for job in batch["jobs"]:
        client.delete(f"/v1/jobs/{job['id']}")
    assert client.get(f"/v1/batches/{batch['id']}").get_json()["total"] == 2


def test_the_webhook_is_told_in_the_same_step(client: FlaskClient, first: Any) -> None:
    hook = {"url": "https://hooks.example.com/x", "events": ["job.started", "job.output", "job.succeeded"]}
    again = ask(client, webhook=hook)
    told = client.get(f"/v1/jobs/{again['id']}/deliveries").get_json()["data"]
    assert sorted(delivery["type"] for delivery in told) == ["job.output", "job.succeeded"]


def test_nobody_gets_what_another_key_made(public_app: Flask) -> None:
    client, found = public_app.test_client(), public_app.extensions["darkroom"]
    ann, bob = ({"Authorization": f"Bearer {found.keys.create(name)[1]}"} for name in ("ann", "bob"))
    run(FakeWorker(found), found, ask(client, headers=ann))
    assert ask(client, headers=ann)["cache"] == "hit"
    assert ask(client, headers=bob)["cache"] == "miss"


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "https://example.com/a.png"},
        {"images": ["sha256:ab", "https://example.com/a.png"]},
        {"messages": [{"role": "user", "content": [{"image_url": {"url": "https://example.com/a.png"}}]}]},
    ],
)
def test_a_picture_by_its_address_may_be_another_tomorrow(changes: Any) -> None:
    job = make_job(given={"seed": 1}, input={"seed": 1, "image": "sha256:ab"})
    assert identity(job) is not None
    assert identity(replace(job, input={"seed": 1, **changes})) is None
    assert identity(replace(job, input={"prompt": "x"})) is None


def test_the_cache_lives_as_long_as_the_job(client: FlaskClient, services: Services, first: Any) -> None:
    (name,) = services.connection.client.scan_iter("dr:cache:*")
    assert 0 < services.connection.client.pttl(name) <= first["retention_seconds"] * 1000
    assert b"lighthouse" not in name
