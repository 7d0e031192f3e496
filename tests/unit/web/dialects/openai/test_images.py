"""OpenAI's image routes: what is understood, what is ignored and said, and the shape of the answer."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Output
from jobs.record import keys
from providers.echo.painting import paint
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from web.services import Services, Timings

GENERATE = "/v1/images/generations"


def ask(client: FlaskClient, **body: Any) -> Any:
    return client.post(GENERATE, json={"prompt": "a lighthouse", "model": "echo", **body})


@pytest.mark.usefixtures("working")
def test_a_picture_comes_with_its_address_and_its_file(client: FlaskClient, services: Services) -> None:
    answer = ask(client)
    (item,) = answer.get_json()["data"]
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert base64.b64decode(item["b64_json"]) == paint("a lighthouse", 1, 64, 64)
    assert client.get(item["url"]).data == paint("a lighthouse", 1, 64, 64)
    assert item["revised_prompt"] == "a lighthouse"
    assert job.metadata == {"dialect": "openai"}
    assert answer.get_json() | {"data": []} == {
        "created": int(job.created_at),
        "data": [],
        "size": "64x64",
        "output_format": "png",
        "model": "echo",
        "provider": "echo",
        "job_ids": [job.id],
    }


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"url", "b64_json"}),
        ({"response_format": "url"}, {"url"}),
        ({"response_format": "b64_json"}, {"b64_json"}),
        ({"model": "dall-e-3"}, {"url", "b64_json"}),
        ({"model": "gpt-image-1"}, {"b64_json"}),
        ({"model": "gpt-image-1", "response_format": "url"}, {"url"}),
    ],
)
@pytest.mark.usefixtures("working")
def test_an_item_has_what_the_client_can_read(client: FlaskClient, body: Any, fields: set[str]) -> None:
    (item,) = ask(client, **body).get_json()["data"]
    assert set(item) - {"revised_prompt"} == fields


@pytest.mark.parametrize(
    ("form", "content_type"), [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
@pytest.mark.usefixtures("working")
def test_it_comes_in_the_format_that_is_asked_for(client: FlaskClient, form: str, content_type: str) -> None:
    (item,) = ask(client, output_format=form).get_json()["data"]
    answer = client.get(item["url"])
    assert urlsplit(item["url"]).path.endswith(f"/outputs/0.{form}"), "programs name the file after it"
    assert answer.content_type == content_type
    assert base64.b64decode(item["b64_json"]) == answer.data


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ({"size": "1024x768"}, {"width": 1024, "height": 768}),
        ({"size": "auto"}, {"width": 512, "height": 512}),
        ({"size": "1024x768", "width": 640, "height": 320}, {"width": 640, "height": 320}),
        ({"seed": 9}, {"seed": 9}),
    ],
)
@pytest.mark.usefixtures("working")
def test_what_a_model_takes_reaches_it_by_its_own_name(
    client: FlaskClient, services: Services, body: Any, used: dict[str, Any]
) -> None:
    job = services.store.get(ask(client, **body).headers["X-Request-Id"]).job
    assert job.input | used == job.input


@pytest.mark.usefixtures("working")
def test_what_has_no_effect_is_named(client: FlaskClient, services: Services) -> None:
    answer = ask(
        client, quality="high", style="vivid", cfg_scale=7, provider="OpenaiChat", api_key="sk-secret", size=None
    )
    names = answer.headers["X-Ignored-Params"]
    assert set(names.split(", ")) == {"provider", "cfg_scale", "quality", "style", "api_key"}
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert job.warnings == (f"Ignored: {names}.",)
    assert "sk-secret" not in repr(job)


@pytest.mark.usefixtures("working")
def test_several_pictures_are_several_jobs_with_seeds_in_a_row(client: FlaskClient, services: Services) -> None:
    answer = ask(client, n=3, seed=5)
    body = answer.get_json()
    assert len(body["data"]) == 3
    assert answer.headers["X-Request-Id"] == body["job_ids"][0]
    assert [services.store.get(job_id).job.input["seed"] for job_id in body["job_ids"]] == [5, 6, 7]


def test_if_one_of_them_is_not_accepted_none_is_left(client: FlaskClient, services: Services) -> None:
    full = {"DARKROOM_LIMIT_QUEUED": 2}
    object.__setattr__(
        services.store, "_limits", services.settings.limits.__class__(queued=full["DARKROOM_LIMIT_QUEUED"])
    )
    answer = ask(client, n=3)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (429, "quota_exceeded")
    assert services.queue.overview().queued == 0


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({"prompt": None}, 422, "/prompt"),
        ({"size": "large"}, 422, "/size"),
        ({"size": "99999x64"}, 422, "/size"),
        ({"n": 11}, 422, "/n"),
        ({"model": "steam"}, 404, "/model"),
        ({"model": "janus-pro-7b"}, 422, "/model"),
        ({"width": 99_999, "height": 64}, 422, "/width"),
        ({"stream": True, "n": 2}, 422, "/n"),
        ({"user": "x" * 600}, 422, "/user"),
    ],
)
def test_a_fault_is_told_where_it_stands(
    client: FlaskClient, services: Services, body: Any, status: int, place: str
) -> None:
    answer = ask(client, **body)
    found = answer.get_json()
    assert (answer.status_code, found["errors"][0]["pointer"]) == (status, place)
    assert (found["error"]["type"], found["error"]["param"]) == ("invalid_request_error", place[1:])
    assert services.queue.overview().queued == 0


def in_background(client: FlaskClient, **body: Any) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(client, **body)), daemon=True)
    thread.start()
    return thread, answers


def queued(services: Services) -> list[str]:
    return [job_id.decode() for job_id in services.connection.redis.zrangebyscore(keys.QUEUED, "-inf", "+inf")]


@pytest.mark.parametrize(
    ("code", "status", "shown"),
    [
        ("content_rejected", 400, "content_policy_violation"),
        ("provider_timeout", 424, "provider_timeout"),
        ("provider_error", 424, "provider_error"),
    ],
)
def test_a_job_that_fails_is_an_error_that_no_client_repeats(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, code: str, status: int, shown: str
) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    lease = fake_worker.claim(services.store.get(queued(services)[0]).job)
    fake_worker.write(lease, events.Failed, error=Failure(code=code, detail="the app said no", provider="echo"))
    thread.join()
    answer = answers[0]
    assert (answer.status_code, answer.headers["x-should-retry"]) == (status, "false")
    assert answer.get_json()["error"]["code"] == shown
    assert answer.get_json()["error"]["message"] == "the app said no"
    assert answer.get_json()["id"] == answer.headers["X-Request-Id"] == lease.job.id


@pytest.mark.parametrize("timings", [Timings(late_answer=0.05, heartbeat=0.05)])
def test_a_late_answer_begins_with_white_space(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    time.sleep(0.2)
    fake_worker.succeed(fake_worker.claim(services.store.get(queued(services)[0]).job))
    thread.join()
    assert answers[0].status_code == 200
    assert answers[0].data.startswith(b"  ")
    assert len(answers[0].get_json()["data"]) == 1


@pytest.mark.parametrize("timings", [Timings(late_answer=0.05)])
def test_an_error_after_that_is_in_the_body(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    time.sleep(0.2)
    services.jobs.cancel(queued(services)[0], "local")
    thread.join()
    assert (answers[0].status_code, answers[0].get_json()["error"]["code"]) == (200, "canceled")


@pytest.mark.usefixtures("working")
def test_the_picture_comes_as_events(client: FlaskClient) -> None:
    answer = ask(client, stream=True, partial_images=1)
    assert answer.content_type.startswith("text/event-stream")
    lines = [line for line in answer.text.splitlines() if line]
    assert not [line for line in lines if line.startswith("id:")]
    last = json.loads(lines[-1].removeprefix("data: "))
    assert last["type"] == "image_generation.completed"
    assert base64.b64decode(last["b64_json"]) == paint("a lighthouse", 1, 64, 64)


def test_a_client_that_is_gone_and_asks_again_gets_its_first_job(
    client: FlaskClient, services: Services, working: FakeWorker
) -> None:
    first = client.post(GENERATE, json={"prompt": "x", "model": "echo", "stream": True})
    # The client goes before the answer has come.
    first.close()
    again = ask(client, prompt="x", stream=True)
    assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"]
    assert "completed" in again.text
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    # It has its answer now: the next one like it is another picture.
    assert ask(client, prompt="x", stream=True).headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_two_alike_at_once_are_two_jobs(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    ends = [in_background(client)]
    eventually(lambda: len(queued(services)) == 1)
    # Without a sign of life the process of the first one would count as dead, and the second would join its job.
    services.unanswered.beat()
    ends.append(in_background(client))
    eventually(lambda: len(queued(services)) == 2)
    for job_id in queued(services):
        fake_worker.succeed(fake_worker.claim(services.store.get(job_id).job))
    for thread, _ in ends:
        thread.join()
    assert len({answers[0].headers["X-Request-Id"] for _, answers in ends}) == 2


@pytest.mark.usefixtures("working")
def test_an_idempotency_key_holds_here_too(client: FlaskClient) -> None:
    body = {"prompt": "x", "model": "echo", "n": 2}
    first, again = (client.post(GENERATE, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.get_json()["job_ids"] == again.get_json()["job_ids"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert client.post(GENERATE, json={**body, "n": 1}, headers={"Idempotency-Key": "k"}).status_code == 422


def test_an_edit_wants_a_model_that_takes_pictures(client: FlaskClient, services: Services) -> None:
    picture = (io.BytesIO(paint("x", 1, 64, 64)), "a.png", "image/png")
    answer = client.post("/v1/images/edits", data={"prompt": "at night", "model": "flux-schnell", "image": picture})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/model")
    assert client.post(
        "/v1/images/edits", data={"prompt": "x", "model": "echo"}, content_type="multipart/form-data"
    ).get_json()["errors"] == [{"pointer": "/image", "detail": "is missing: send the picture in a part of this name"}]
    assert services.queue.overview().queued == 0


def test_whatever_becomes_of_the_answer_its_place_is_given_back(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    lease = fake_worker.claim(services.store.get(queued(services)[0]).job)
    services.artifacts.delete(lease.job.id)
    output = Output(index=0, kind="image", content_type="image/png", width=1, height=1, bytes=1, sha256="0" * 64)
    fake_worker.write(lease, events.Succeeded, outputs=(output,))
    thread.join()
    assert (answers[0].status_code, answers[0].get_json()["error"]["code"]) == (410, "gone")
    assert services.pump.watchers == 0
