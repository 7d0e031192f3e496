"""Run a job once more."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from jobs import events
from jobs.files.images import clean
from jobs.model import Failure, Recipe
from jobs.record.leases import Leases
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from web.services import Services
from web.v1.reruns import WITHOUT_CREDENTIALS

RECIPE = Recipe(model="echo", version="1", job_id="job_01ARZ3NDEKTSV4RRFFQ69G5FAV", at=1.0)


def submit(client: FlaskClient, **body: Any) -> Any:
    return client.post("/v1/jobs", json={"model": "echo", "input": {"prompt": "a lighthouse"}, **body}).get_json()


def test_a_job_runs_once_more_as_it_was(client: FlaskClient, services: Services) -> None:
    said: Any = {
        "provider": "echo", "strategy": "single", "priority": "high", "metadata": {"user": "ann"},
        "deadline_seconds": 600, "retention_seconds": 60,
    }  # fmt: skip
    old = submit(client, **said)
    answer = client.post(f"/v1/jobs/{old['id']}/rerun")
    new = answer.get_json()
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(new["id"])
    assert new["id"] != old["id"]
    assert new["retry_of"] == old["id"]
    for name in ("model", "provider", "strategy", "priority", "metadata", "retention_seconds"):
        assert new[name] == old[name]
    job = services.store.get(new["id"]).job
    assert job.deadline_at == pytest.approx(job.created_at + 600)
    assert (job.given, job.user) == ({"prompt": "a lighthouse"}, services.store.get(old["id"]).job.user)
    assert "warnings" not in new


def test_what_the_input_changes_is_different(client: FlaskClient) -> None:
    old = submit(client, input={"prompt": "a lighthouse", "seed": 7, "width": 256})
    body = {"input": {"seed": 8, "width": None, "height": 128}}
    new = client.post(f"/v1/jobs/{old['id']}/rerun", json=body).get_json()
    assert new["input"] == {"prompt": "a lighthouse", "seed": 8, "width": 512, "height": 128}


def test_the_seed_that_was_really_used_comes_again(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    old = submit(client, embed_recipe=False)
    drawn = {"seed": old["input"]["seed"]}
    lease = fake_worker.claim(services.store.get(old["id"]).job)
    fake_worker.write(lease, events.Succeeded, outputs=(), recipe=replace(RECIPE, fixed=drawn))
    again = client.post(f"/v1/jobs/{old['id']}/rerun").get_json()
    assert (again["input"], again["embed_recipe"]) == (old["input"], False)
    other = client.post(f"/v1/jobs/{old['id']}/rerun", json={"input": {"seed": None}}).get_json()
    assert other["input"]["seed"] != old["input"]["seed"]
    assert client.post(f"/v1/jobs/{old['id']}/rerun", json={"input": {"seed": 3}}).get_json()["input"]["seed"] == 3


def test_a_recipe_is_a_submission_that_makes_the_same_again(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    old = submit(client, model="flux", input={"prompt": "a lighthouse"})
    lease = fake_worker.claim(services.store.get(old["id"]).job)
    name = services.catalog.spec(lease.job.attempts[-1].provider).default_model
    used = {"seed": 1234, "randomize_seed": False}
    fake_worker.write(lease, events.Succeeded, outputs=(), recipe=replace(RECIPE, model=name, fixed=used))
    recipe = client.get(f"/v1/jobs/{old['id']}").get_json()["recipe"]
    new = client.post("/v1/jobs", json={part: recipe[part] for part in ("model", "provider", "input")}).get_json()
    assert new["input"] == {**old["input"], **used}
    assert client.post(f"/v1/jobs/{old['id']}/rerun").get_json()["input"] == new["input"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"input": {"width": 9999}}, "/input/width"),
        ({"input": {"nothing": 1}}, "/input/nothing"),
        ({"input": 1}, "/input"),
        ({"model": "flux"}, "/model"),
        ([], ""),
    ],
)
def test_a_wrong_change_is_refused_and_makes_nothing(
    client: FlaskClient, services: Services, body: Any, pointer: str
) -> None:
    old = submit(client)
    answer = client.post(f"/v1/jobs/{old['id']}/rerun", json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]
    assert services.queue.overview().queued == 1


def test_credentials_are_not_copied_and_the_new_job_says_so(client: FlaskClient, services: Services) -> None:
    old = submit(client, credentials={"hf_token": "hf_0123456789"})
    new = client.post(f"/v1/jobs/{old['id']}/rerun").get_json()
    assert new["warnings"] == [WITHOUT_CREDENTIALS]
    assert "has_credentials" not in new
    assert Leases(services.connection).secret(new["id"]) is None


def test_pictures_come_along_and_outlive_the_first_job(client: FlaskClient, services: Services) -> None:
    picture = paint("x", 1, 64, 64)
    uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    old = submit(client, model="janus-pro-7b", input={"prompt": "what is it?", "image": uri})
    new = client.post(f"/v1/jobs/{old['id']}/rerun", json={"input": {"prompt": "why?"}}).get_json()
    client.delete(f"/v1/jobs/{old['id']}")
    job = services.store.get(new["id"]).job
    assert (job.given["prompt"], job.given["image"]) == ("why?", old["input"]["image"])
    with services.artifacts.open(job.id, job.given["image"].removeprefix("sha256:")) as file:
        assert file.read() == clean(picture)[0]


def test_a_picture_that_is_no_longer_kept_is_gone(client: FlaskClient, services: Services) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(paint('x', 1, 64, 64)).decode()}"
    old = submit(client, model="janus-pro-7b", input={"prompt": "what is it?", "image": uri})
    services.artifacts.delete(old["id"])
    assert client.post(f"/v1/jobs/{old['id']}/rerun").status_code == 410
    assert client.post(f"/v1/jobs/{old['id']}/rerun", json={"input": {"image": uri}}).status_code == 202


def test_nobody_runs_the_picture_of_another_job(client: FlaskClient) -> None:
    old = submit(client, model="janus-pro-7b", input={"prompt": "x"})
    body = {"input": {"image": f"sha256:{'0' * 64}"}}
    assert client.post(f"/v1/jobs/{old['id']}/rerun", json=body).status_code == 422


def test_a_job_that_failed_can_run_again(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    failure = Failure(code="provider_busy", detail="full")
    services.store.change(job.id, lambda _: events.Failed(at=services.store.now(), error=failure))
    assert client.post(f"/v1/jobs/{job.id}/rerun").get_json()["status"] == "queued"
    client.delete(f"/v1/jobs/{job.id}")
    assert client.post(f"/v1/jobs/{job.id}/rerun").status_code == 410


def test_a_key_holds_for_one_rerun(client: FlaskClient) -> None:
    first, second = submit(client), submit(client)
    headers = {"Idempotency-Key": "again"}
    one = client.post(f"/v1/jobs/{first['id']}/rerun", headers=headers)
    assert client.post(f"/v1/jobs/{first['id']}/rerun", headers=headers).get_json()["id"] == one.get_json()["id"]
    assert client.post(f"/v1/jobs/{second['id']}/rerun", headers=headers).status_code == 422
