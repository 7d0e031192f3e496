"""Batches over HTTP: lists, matrices, faults, counts, tenants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.access.api_keys import SCOPES
from jobs.submissions import Submission
from tests.support.resources import fits
from web.http.problems import Problem
from web.services import Services
from web.v1.schemas.batches import IMAGES_LIMIT, BatchResource, check_bounds

JOB = {"model": "echo", "input": {"prompt": "x"}}
LARGE_JOB = {"model": "flux-dev", "input": {"prompt": "x", "width": 2048, "height": 2048, "num_inference_steps": 28}}
UNKNOWN = "batch_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def post(client: FlaskClient, body: Any, **headers: str) -> Any:
    return client.post(
        "/v1/batches", json=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def pointers(answer: Any) -> list[str]:
    return [fault["pointer"] for fault in answer.get_json()["errors"]]


def test_a_list_of_jobs_is_accepted_together(client: FlaskClient) -> None:
    answer = post(client, {"jobs": [JOB, {**JOB, "metadata": {"n": "2"}}]})
    batch = answer.get_json()
    assert answer.status_code == 202
    assert fits(batch, BatchResource)
    assert (batch["total"], batch["counts"]["queued"], batch["progress"], batch["status"]) == (2, 2, 0, "active")
    assert client.get(answer.headers["Location"]).get_json() == batch
    assert client.get(batch["jobs"][1]["url"]).get_json()["batch_id"] == batch["id"]
    listed = client.get(batch["urls"]["jobs"]).get_json()["data"]
    assert {job["id"] for job in listed} == {job["id"] for job in batch["jobs"]}


def test_a_matrix_makes_every_combination(client: FlaskClient, services: Services) -> None:
    body = {
        "template": {"model": "echo", "priority": "low", "strategy": "single"},
        "matrix": {"input.prompt": ["a", "b"], "input.seed": [1, 2, 3]},
    }
    batch = post(client, body).get_json()
    jobs = [services.store.get(job["id"]).job for job in batch["jobs"]]
    assert [(job.given["prompt"], job.given["seed"]) for job in jobs] == [
        ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)
    ]  # fmt: skip
    assert {(job.priority, job.strategy) for job in jobs} == {("low", "single")}


def test_the_images_of_a_batchs_jobs_have_a_bound_together() -> None:
    images = {f"{number:064x}": b"" for number in range(IMAGES_LIMIT // 4)}
    job = Submission(owner="o", model="echo", given={}, inputs={"echo": {}}, images=images)
    check_bounds([job] * 4)
    one_more = replace(job, images={**images, "f" * 64: b""})
    with pytest.raises(Problem, match="images in all of its jobs"):
        check_bounds([job, job, job, one_more])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ([], [""]),
        ({}, [""]),
        ({"jobs": [], "template": {}}, [""]),
        ({"jobs": []}, ["/jobs"]),
        ({"jobs": {}}, ["/jobs"]),
        ({"jobs": [JOB] * 101}, ["/jobs"]),
        ({"jobs": [JOB], "webhok": 1}, ["/webhok"]),
        ({"jobs": [JOB, 1, {"model": "echo", "input": {"width": 9999}}]}, ["/jobs/1", "/jobs/2/input/width"]),
        ({"template": JOB}, ["/matrix"]),
        ({"matrix": {"input.seed": [1]}}, ["/template"]),
        ({"template": JOB, "matrix": {}}, ["/matrix"]),
        ({"template": JOB, "matrix": {"seed": [1]}}, ["/matrix/seed"]),
        ({"template": JOB, "matrix": {"input.": [1]}}, ["/matrix/input."]),
        ({"template": JOB, "matrix": {"input.seed": 1}}, ["/matrix/input.seed"]),
        ({"template": JOB, "matrix": {"input.seed": list(range(11)), "input.width": [64] * 10}}, ["/matrix"]),
        ({"template": JOB, "matrix": {"input.seed": [1, "x"], "input.width": [64]}}, ["/matrix/input.seed/1"]),
        ({"template": {**JOB, "priority": "urgent"}, "matrix": {"input.seed": [1, 2]}}, ["/template/priority"]),
        ({"template": {"model": "echo", "input": 1}, "matrix": {"input.seed": [1]}}, ["/template/input"]),
        ({"jobs": [LARGE_JOB] * 26}, [""]),
    ],
)
def test_a_wrong_batch_is_refused_at_its_place_and_leaves_nothing(
    client: FlaskClient, services: Services, body: Any, wrong: list[str]
) -> None:
    answer = post(client, body)
    assert answer.status_code == 422
    assert pointers(answer) == wrong
    assert services.queue.overview().queued == 0


def test_an_unknown_model_is_named_by_its_member(client: FlaskClient, services: Services) -> None:
    answer = post(client, {"jobs": [JOB, {**JOB, "model": "nothing"}]})
    assert (answer.status_code, pointers(answer)) == (404, ["/jobs/1/model"])
    answer = post(client, {"template": JOB, "matrix": {"model": ["echo", "nothing"]}})
    assert (answer.status_code, pointers(answer)) == (404, ["/matrix/model/1"])
    assert services.queue.overview().queued == 0


def test_a_batch_with_a_key_is_made_once(client: FlaskClient, services: Services) -> None:
    first, again = (post(client, {"jobs": [JOB, JOB]}, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert post(client, {"jobs": [JOB]}, Idempotency_Key="k").get_json()["code"] == "idempotency_key_reused"
    assert post(client, {"jobs": [JOB]}, Idempotency_Key=" ").status_code == 400
    assert services.queue.overview().queued == 2


def test_a_batch_is_canceled_as_a_whole(client: FlaskClient) -> None:
    batch = post(client, {"jobs": [JOB, JOB]}).get_json()
    answer = client.post(f"/v1/batches/{batch['id']}/cancel")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ended")
    assert answer.get_json()["counts"]["canceled"] == 2
    assert answer.get_json()["progress"] == 1


def test_each_job_of_a_batch_can_have_its_webhook(client: FlaskClient, services: Services) -> None:
    hook = {"url": "https://hooks.example.com/x"}
    batch = post(client, {"template": {**JOB, "webhook": hook}, "matrix": {"input.seed": [1, 2]}}).get_json()
    hooks = [services.store.get(job["id"]).job.webhook for job in batch["jobs"]]
    assert [made.host for made in hooks if made is not None] == ["hooks.example.com"] * 2


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", "/cancel")])
def test_anothers_batch_looks_like_an_unknown_one(
    client: FlaskClient, services: Services, method: str, rest: str
) -> None:
    batch = post(client, {"jobs": [JOB]}).get_json()
    key = services.keys.create("other", SCOPES)[1]
    services.gate.forget()
    answers = []
    for batch_id in (batch["id"], UNKNOWN, "x"):
        answer = client.open(f"/v1/batches/{batch_id}{rest}", method=method, headers={"Authorization": f"Bearer {key}"})
        answers.append((answer.status_code, answer.get_json()["code"], answer.get_json()["detail"]))
    assert len(set(answers)) == 1
    assert answers[0][0] == 404
    assert services.store.get(batch["jobs"][0]["id"]).job.status == "queued"
