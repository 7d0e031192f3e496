"""Submit, read, list, cancel, delete."""

from __future__ import annotations

import base64
from typing import Any, get_args

import fakeredis
import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Strategy
from jobs.record.leases import Leases
from jobs.vault import Vault
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from web.services import Services
from web.v1.permit import ALONE


def submitted(client: FlaskClient, **changes: Any) -> Any:
    return client.post("/v1/jobs", json={"model": "echo", "input": {"prompt": "a lighthouse"}, **changes})


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["pointer"] for fault in answer.get_json()["errors"]]


def test_a_submitted_job_is_answered_with_where_it_is(client: FlaskClient, services: Services) -> None:
    answer = submitted(client)
    job = answer.get_json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == job["urls"]["self"] == f"http://localhost/v1/jobs/{job['id']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["X-Request-Id"] == job["id"]
    assert (job["status"], job["model"], job["queue"]["position"]) == ("queued", "echo", 1)
    assert job["input"] == {"prompt": "a lighthouse", "seed": job["input"]["seed"], "width": 512, "height": 512}
    assert services.store.get(job["id"]).job.owner == "local"


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_a_strategy_is_kept_and_shown(client: FlaskClient, services: Services, strategy: str) -> None:
    job = submitted(client, model="flux-schnell", strategy=strategy).get_json()
    assert (job["strategy"], services.store.get(job["id"]).job.strategy) == (strategy, strategy)
    assert "warnings" not in job


def test_a_hedge_that_nobody_could_be_is_taken_with_a_warning(client: FlaskClient) -> None:
    assert submitted(client, strategy="hedge").get_json()["warnings"] == [ALONE]
    assert submitted(client).get_json()["strategy"] == "failover"


@pytest.mark.parametrize("environ", [{"DARKROOM_PUBLIC_URL": "https://darkroom.example"}])
def test_links_name_the_public_address_where_there_is_one(client: FlaskClient) -> None:
    assert submitted(client).headers["Location"].startswith("https://darkroom.example/v1/jobs/job_")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ([], [""]),
        ("echo", [""]),
        ({}, ["/input", "/model"]),
        ({"model": 1, "input": {}}, ["/model"]),
        ({"model": "echo", "input": []}, ["/input"]),
        ({"modle": "echo", "input": {}}, ["/model", "/modle"]),
        ({"model": "echo", "input": {"prompt": 1, "PROMPT": "x"}}, ["/input/prompt", "/input/PROMPT"]),
        ({"model": "echo", "input": {"width": 4096}}, ["/input/width"]),
        ({"model": "echo", "input": {"script": ["dance"]}}, ["/input/script/0"]),
        ({"model": "echo", "input": {}, "priority": "urgent"}, ["/priority"]),
        ({"model": "echo", "input": {}, "strategy": "both"}, ["/strategy"]),
        ({"model": "echo", "input": {}, "deadline_seconds": 0}, ["/deadline_seconds"]),
        ({"model": "echo", "input": {}, "deadline_seconds": True}, ["/deadline_seconds"]),
        ({"model": "echo", "input": {}, "retention_seconds": 1.5}, ["/retention_seconds"]),
        ({"model": "echo", "input": {}, "retention_seconds": 10**9}, ["/retention_seconds"]),
        ({"model": "echo", "input": {}, "metadata": {"a": 1}}, ["/metadata/a"]),
        ({"model": "echo", "input": {}, "metadata": {"a/b": "x\n"}}, ["/metadata/a~1b"]),
        ({"model": "echo", "input": {}, "metadata": {"a\n": "x"}}, ["/metadata"]),
        ({"model": "echo", "input": {}, "metadata": {str(n): "" for n in range(17)}}, ["/metadata"]),
        ({"model": "echo", "input": {}, "metadata": {"": "x"}}, ["/metadata"]),
        ({"model": "echo", "input": {}, "status": "succeeded"}, ["/status"]),
    ],
)
def test_a_wrong_body_is_refused_with_every_place_and_leaves_nothing(
    client: FlaskClient, services: Services, body: Any, wrong: list[str]
) -> None:
    answer = client.post("/v1/jobs", json=body)
    assert sorted(pointers(answer)) == sorted(wrong)
    assert services.queue.overview().queued == 0


@pytest.mark.parametrize(
    ("credentials", "wrong"),
    [
        ({"api_key": "hf_x\r\nX-Admin: 1"}, "/credentials/api_key"),
        ({"api_key": "Bearer hf_x"}, "/credentials/api_key"),
        ({"api_key": "hf_\u00e9"}, "/credentials/api_key"),
        ({"api_key": ""}, "/credentials/api_key"),
        ({"api_key": "x" * 513}, "/credentials/api_key"),
        ({"api_key": "dk_live_" + "0" * 49}, "/credentials/api_key"),
        ({"hf_token": "xy_0123456789"}, "/credentials/hf_token"),
        ({"cookies": "a=b"}, "/credentials/cookies"),
        ({"cookies": {"a": "b; admin=1"}}, "/credentials/cookies/a"),
        ({"cookies": {"a=b": "c"}}, "/credentials/cookies"),
        ({"proxy": "http://127.0.0.1:8080"}, "/credentials/proxy"),
        ({"password": "hunter2"}, "/credentials/password"),
    ],
)
def test_a_wrong_credential_is_refused_without_showing_it(
    client: FlaskClient, credentials: dict[str, Any], wrong: str
) -> None:
    answer = submitted(client, credentials=credentials)
    assert set(pointers(answer)) == {wrong}
    for secret in credentials.values():
        assert not isinstance(secret, str) or not secret or repr(secret)[1:-1] not in answer.text.replace("\\\\", "\\")


def test_credentials_are_kept_encrypted_and_never_shown(client: FlaskClient, services: Services) -> None:
    given = {"hf_token": "hf_canary000000000000", "cookies": {"a": "canary1", "b": "canary2"}}
    job = submitted(client, credentials=given).get_json()
    secret = Leases(services.connection).secret(job["id"])
    assert secret is not None
    opened = Vault.from_file(services.settings.secret_key_file).unlock(job["id"], secret)
    assert opened == {"hf_token": "hf_canary000000000000", "cookies": "a=canary1; b=canary2"}
    assert job["has_credentials"] is True
    everything = b"".join(
        bytes(services.connection.client.dump(key) or b"") for key in services.connection.client.scan_iter()
    )
    assert b"canary" not in everything
    assert "canary" not in client.get(f"/v1/jobs/{job['id']}").text


def test_an_inline_picture_is_decoded_before_the_job_is_taken(client: FlaskClient, services: Services) -> None:
    def ask(picture: bytes) -> Any:
        uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return client.post("/v1/jobs", json={"model": "janus-pro-7b", "input": {"prompt": "what is it?", "image": uri}})

    assert ask(paint("x", 1, 64, 64)).status_code == 202
    assert pointers(ask(b"<!doctype html><script>alert(1)</script>")) == ["/input/image"]
    assert services.queue.overview().queued == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": "nothing-like-it", "input": {}}, "/model"),
        ({"model": "../../etc/passwd", "input": {}}, "/model"),
        ({"model": "echo", "provider": "nobody", "input": {}}, "/provider"),
        ({"model": "echo", "provider": "g4f", "input": {}}, "/provider"),
    ],
)
def test_an_unknown_model_or_provider_is_not_found(client: FlaskClient, body: Any, pointer: str) -> None:
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 404
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_a_store_that_cannot_be_reached_is_a_503_that_says_when_to_come_again(
    client: FlaskClient, fake_server: fakeredis.FakeServer
) -> None:
    assert client.get("/v1/jobs").status_code == 200
    fake_server.connected = False
    answer = submitted(client)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
    assert answer.get_json()["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_job_that_has_not_changed_is_not_sent_again(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    path = f"/v1/jobs/{lease.job.id}"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    fake_worker.write(lease, events.Progressed, stage="generating", fraction=0.5, step=1, total=2)
    changed = client.get(path, headers={"If-None-Match": f'"x", {first.headers["ETag"]}'})
    assert changed.status_code == 200
    assert changed.get_json()["progress"] == {"stage": "generating", "fraction": 0.5, "step": 1, "total": 2}


def test_a_place_in_the_queue_is_part_of_the_version(
    client: FlaskClient, fake_worker: FakeWorker, services: Services
) -> None:
    first, second = fake_worker.submit(), fake_worker.submit()
    before = client.get(f"/v1/jobs/{second.id}")
    services.jobs.cancel(first.id, "local")
    after = client.get(f"/v1/jobs/{second.id}", headers={"If-None-Match": before.headers["ETag"]})
    assert (before.get_json()["queue"]["position"], after.get_json()["queue"]["position"]) == (2, 1)


def test_the_list_is_newest_first_and_goes_on_at_its_cursor(client: FlaskClient, fake_worker: FakeWorker) -> None:
    ids = [fake_worker.submit().id for _ in range(5)][::-1]
    found: list[str] = []
    url: str | None = "/v1/jobs?limit=2"
    for _ in range(5):
        answer = client.get(url or "")
        body = answer.get_json()
        found += [job["id"] for job in body["data"]]
        if not body["has_more"]:
            break
        assert body["next_cursor"] in answer.headers["Link"]
        url = answer.headers["Link"].partition(">")[0].removeprefix("<http://localhost")
    assert found == ids


def test_the_list_can_be_narrowed(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    queued, canceled, done = fake_worker.submit(), fake_worker.submit(), fake_worker.submit()
    services.jobs.cancel(canceled.id, "local")
    fake_worker.succeed(fake_worker.claim(done))

    def ids(query: str) -> set[str]:
        return {job["id"] for job in client.get(f"/v1/jobs?{query}").get_json()["data"]}

    assert ids("status=canceled") == {canceled.id}
    assert ids("status=queued,succeeded") == {queued.id, done.id}
    assert ids("provider=echo") == {done.id}
    assert ids("model=echo&limit=100") == {queued.id, canceled.id, done.id}
    assert ids("model=flux") == set()


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=abc", "limit=1e1", "limit=1_0", "limit=", "limit=1&limit=2", "limit=%zz",
        "limit=\u0661", "cursor=garbage", "cursor=%00", "cursor=", "status=__nope__", "status=queued,", "unknown=1",
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_input")
    assert answer.get_json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_anothers_cursor_is_no_cursor(client: FlaskClient, services: Services) -> None:
    cursor = services.cursors.seal("key_other", "1:job_x")
    assert client.get(f"/v1/jobs?cursor={cursor}").status_code == 422
    mine = services.cursors.seal("local", "1:job_x")
    assert client.get(f"/v1/jobs?cursor={mine}").status_code == 200
    assert client.get(f"/v1/jobs?cursor={'B' if mine[0] == 'A' else 'A'}{mine[1:]}").status_code == 422


def test_canceling_ends_a_waiting_job_at_once_and_a_running_one_when_it_lets_go(
    client: FlaskClient, fake_worker: FakeWorker
) -> None:
    waiting, running = fake_worker.submit(), fake_worker.submit()
    fake_worker.claim(running)
    assert client.post(f"/v1/jobs/{running.id}/cancel").status_code == 202
    job = client.post(f"/v1/jobs/{running.id}/cancel").get_json()
    assert job["status"] == "running"
    assert job["cancel_requested_at"]
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{waiting.id}/cancel")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "canceled")


def test_a_deleted_job_leaves_what_it_was(client: FlaskClient, fake_worker: FakeWorker, services: Services) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    path = f"/v1/jobs/{lease.job.id}"
    assert client.delete(path).status_code == 204
    answer = client.get(path)
    body = answer.get_json()
    assert (answer.status_code, body["code"]) == (410, "gone")
    assert (body["id"], body["job_status"], body["reason"]) == (lease.job.id, "succeeded", "deleted")
    assert client.delete(path).status_code == 410
    assert client.get(f"{path}/outputs/0").status_code == 410
    assert not list(services.settings.artifacts_dir.rglob("*.png"))
    assert client.get("/v1/jobs").get_json()["data"] == []


def test_a_preference_that_cannot_be_read_is_ignored(client: FlaskClient) -> None:
    for preference in ("wait=-1", "wait=NaN", "respond-async", "wait"):
        answer = client.post("/v1/jobs", json={"model": "echo", "input": {}}, headers={"Prefer": preference})
        assert answer.status_code == 202
        assert "Preference-Applied" not in answer.headers


def test_waiting_for_a_job_that_has_ended_takes_no_time(client: FlaskClient, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    answer = client.get(f"/v1/jobs/{lease.job.id}", headers={"Prefer": "respond-async, wait=100"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=60")


@pytest.mark.parametrize(
    "path", ["/v1/jobs/x", "/v1/jobs/job_x", "/v1/jobs/job_00000000000000000000000000/", "//v1/jobs"]
)
def test_a_malformed_address_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
