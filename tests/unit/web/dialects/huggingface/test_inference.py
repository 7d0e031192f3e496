"""Hugging Face's inference: what each model is asked, what is ignored and said, and the shape of the answer."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Output
from jobs.record import keys
from providers.echo.painting import paint
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from tests.support.sample_images import plain_image
from tests.unit.web.dialects.conftest import Writer
from web.services import Services, Timings

PICTURE: Final = plain_image()
CODED: Final = base64.b64encode(PICTURE).decode()
SPACE: Final = "black-forest-labs/FLUX.1-schnell"


def ask(client: FlaskClient, inputs: Any = "a lighthouse", *, model: str = "echo", **body: Any) -> Any:
    return client.post(f"/hf/models/{model}", json={"inputs": inputs, **body})


def send(client: FlaskClient, data: bytes, content_type: str | None = None, *, model: str = "echo") -> Any:
    return client.post(f"/hf/models/{model}", data=data, content_type=content_type)


def given(services: Services, answer: Any) -> dict[str, Any]:
    """The input of the job that a request made."""
    return services.store.get(answer.headers["X-Request-Id"]).job.input


@pytest.mark.usefixtures("working")
def test_the_answer_is_the_picture_and_nothing_else(client: FlaskClient, services: Services) -> None:
    answer = client.post(
        "/hf/models/echo", json={"inputs": "a lighthouse"}, headers={"Accept": "application/json"}, buffered=True
    )
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert answer.data == paint("a lighthouse", 1, 64, 64)
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert (job.metadata, job.model) == ({"dialect": "huggingface"}, "echo")


@pytest.mark.parametrize(("model", "meant"), [("flux-schnell/", "flux-schnell"), (SPACE, None)])
@pytest.mark.usefixtures("working")
def test_an_address_names_a_model_or_a_space(
    client: FlaskClient, services: Services, model: str, meant: str | None
) -> None:
    answer = ask(client, model=model)
    expected = meant or services.catalog.spec("blackforestlabs-flux1-schnell").default_model
    assert services.store.get(answer.headers["X-Request-Id"]).job.model == expected


@pytest.mark.parametrize(
    ("parameters", "used", "ignored"),
    [
        ({"num_inference_steps": 3, "width": 640, "height": 320}, {"num_inference_steps": 3, "width": 640}, ""),
        ({"steps": 3, "seed": 7, "width": None}, {"num_inference_steps": 3, "seed": 7, "randomize_seed": False}, ""),
        ({"target_size": {"width": 640, "height": 320}}, {"width": 640, "height": 320}, ""),
        ({"target_size": {"width": 640}, "width": 320}, {"width": 320}, ""),
        ({"image": "file_1", "a/b": 1, "api_key": "x"}, {"prompt": "a lighthouse"}, "api_key, image"),
        ({"prompt": "another", "messages": [], "scheduler": "ddim"}, {"prompt": "a lighthouse"}, "prompt, messages, scheduler"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("working")
def test_parameters_reach_the_model_by_its_names(
    client: FlaskClient, services: Services, parameters: Any, used: dict[str, Any], ignored: str
) -> None:
    answer = ask(client, model="flux-schnell", parameters=parameters)
    found = given(services, answer)
    assert found | used == found
    assert answer.headers.get("X-Ignored-Params", "") == ignored


@pytest.mark.usefixtures("working")
def test_what_has_no_effect_is_named(client: FlaskClient, services: Services) -> None:
    options = {"wait_for_model": True, "token": "hf_secret"}
    answer = ask(client, parameters={"api_key": "sk-secret"}, options=options, stream=False, task=None)
    assert set(answer.headers["X-Ignored-Params"].split(", ")) == {"api_key", "options"}
    record = services.store.get(answer.headers["X-Request-Id"]).job
    assert record.warnings == (f"Ignored: {answer.headers['X-Ignored-Params']}.",)
    assert "secret" not in repr(record)


@pytest.mark.parametrize(
    "content_type", [None, "image/png", "application/octet-stream", "application/x-www-form-urlencoded"]
)
@pytest.mark.usefixtures("writing")
def test_a_picture_alone_is_a_question_about_it(
    client: FlaskClient, services: Services, content_type: str | None
) -> None:
    answer = send(client, PICTURE, content_type, model="janus-pro-7b")
    assert answer.get_json() == [{"generated_text": "It is a red square."}]
    found = given(services, answer)
    assert found["prompt"] == "Describe this image."
    assert found["image"]


@pytest.mark.parametrize("coded", [CODED, f"data:image/png;base64,{CODED}", base64.encodebytes(PICTURE).decode()])
@pytest.mark.usefixtures("writing")
def test_a_picture_in_json_has_its_question_beside_it(client: FlaskClient, services: Services, coded: str) -> None:
    answer = ask(client, coded, model="janus-pro-7b", parameters={"prompt": "Who is it?"})
    assert answer.get_json() == [{"generated_text": "It is a red square."}]
    assert given(services, answer)["prompt"] == "Who is it?"


@pytest.mark.usefixtures("writing")
def test_a_text_from_a_text(client: FlaskClient, services: Services) -> None:
    answer = ask(client, "a rhyme", model="janus-pro-7b", parameters={"max_new_tokens": 5, "temperature": 0.5})
    assert answer.get_json() == [{"generated_text": "It is a red square."}]
    found = given(services, answer)
    assert (found["prompt"], found["temperature"]) == ("a rhyme", 0.5)
    assert answer.headers["X-Ignored-Params"] == "max_new_tokens"


@pytest.mark.parametrize(("model", "ignored"), [("dummy", None), (None, None), ("gpt-5", "model"), (["x"], "model")])
def test_a_chat_is_with_the_model_of_the_address(
    client: FlaskClient, services: Services, writing: Writer, model: Any, ignored: str | None
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    answer = client.post("/hf/models/janus-pro-7b/v1/chat/completions", json=body)
    assert answer.headers.get("X-Ignored-Params") == ignored
    assert answer.get_json()["choices"][0]["message"]["content"] == writing.text
    assert services.store.get(answer.headers["X-Request-Id"]).job.model == "janus-pro-7b"


@pytest.mark.parametrize(
    ("model", "body", "status", "text"),
    [
        ("echo", {}, 422, "/inputs is missing"),
        ("echo", {"inputs": ["a", "b"]}, 422, "/inputs must be"),
        ("echo", {"inputs": "a", "parameters": []}, 422, "/parameters must be"),
        ("echo", {"inputs": "a", "stream": True}, 422, "/stream must be false"),
        ("echo", {"inputs": "a", "parameters": {"target_size": "large"}}, 422, "/parameters/target_size must be"),
        ("echo", {"inputs": "a", "parameters": {"target_size": {"width": "x"}}}, 422, "/parameters/target_size/width must be"),
        ("echo", {"inputs": "a", "parameters": {"width": 99_999}}, 422, "/parameters/width must be"),
        ("echo", {"inputs": f"{CODED[:80]}!"}, 422, "/inputs"),
        ("flux-schnell", {"inputs": CODED}, 422, "/inputs is a picture, and this model takes none"),
        ("flux-schnell", {"inputs": "x" * 10_001}, 422, "/inputs is longer than 10000"),
        ("janus-pro-7b", {"inputs": "no address", "parameters": {"prompt": "Who?"}}, 422, "/inputs"),
        ("janus-pro-7b", {"inputs": CODED, "parameters": {"prompt": 7}}, 422, "/parameters/prompt must be"),
        ("steam", {"inputs": "a"}, 404, "there is no model 'steam'"),
        ("steam/engine", {"inputs": "a"}, 404, "there is no model 'steam/engine'"),
        ("echo/v1", {"inputs": "a"}, 404, "there is no model 'echo/v1'"),
    ],
)  # fmt: skip
def test_a_fault_is_a_text_that_says_where_it_stands(
    client: FlaskClient, services: Services, model: str, body: Any, status: int, text: str
) -> None:
    answer = client.post(f"/hf/models/{model}", json=body)
    assert (answer.status_code, answer.content_type) == (status, "application/json")
    assert text in answer.get_json()["error"]
    assert services.queue.overview().queued == 0


def test_all_faults_are_told(client: FlaskClient) -> None:
    found = ask(client, parameters={"width": 99_999, "height": 99_999}).get_json()
    assert sorted(fault["message"].partition(" ")[0] for fault in found["errors"]) == [
        "/parameters/height",
        "/parameters/width",
    ]


@pytest.mark.parametrize("data", [b"", b'{"inputs": "a lighthouse"}', b"\x00" * 100, b"\x89PNG"])
def test_a_body_that_is_neither_json_nor_a_picture_is_refused(
    client: FlaskClient, services: Services, data: bytes
) -> None:
    answer = send(client, data)
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media")
    assert "or the bytes of a picture" in answer.get_json()["error"]
    assert services.queue.overview().queued == 0


def test_a_picture_that_is_too_long_is_refused(client: FlaskClient) -> None:
    assert send(client, PICTURE + b"\x00" * (12 << 20)).status_code == 413


@pytest.mark.parametrize("body", [[], "text", {"model": "dummy"}, {"messages": []}])
def test_a_chat_that_is_none(client: FlaskClient, body: Any) -> None:
    answer = client.post("/hf/models/echo/v1/chat/completions", json=body)
    assert (answer.status_code, set(answer.get_json())) in [
        (422, {"error", "code"}),
        (422, {"error", "code", "errors"}),
    ]


def in_background(client: FlaskClient, model: str = "echo") -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(client, model=model)), daemon=True)
    thread.start()
    return thread, answers


def queued(services: Services) -> list[str]:
    return [job_id.decode() for job_id in services.connection.redis.zrangebyscore(keys.QUEUED, "-inf", "+inf")]


@pytest.mark.parametrize(
    ("code", "status"),
    [("content_rejected", 400), ("provider_busy", 424), ("provider_quota", 424), ("provider_timeout", 424)],
)
def test_a_job_that_fails_says_why(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, code: str, status: int
) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    lease = fake_worker.claim(services.store.get(queued(services)[0]).job)
    fake_worker.write(lease, events.Failed, error=Failure(code=code, detail="the app said no", provider="echo"))
    thread.join()
    answer = answers[0]
    assert answer.get_json() == {"error": "the app said no", "code": "job_failed"}
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (status, lease.job.id)


@pytest.mark.parametrize("timings", [Timings(late_answer=0.05, heartbeat=0.05)])
@pytest.mark.parametrize("model", ["echo", "janus-pro-7b"])
def test_nothing_stands_in_front_of_a_late_answer(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, model: str
) -> None:
    thread, answers = in_background(client, model)
    eventually(lambda: queued(services))
    time.sleep(0.2)
    services.jobs.cancel(queued(services)[0], "local")
    thread.join()
    assert (answers[0].status_code, answers[0].get_json()["code"]) == (410, "job_failed")


def test_a_result_without_a_picture_is_an_error(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    thread, answers = in_background(client)
    eventually(lambda: queued(services))
    lease = fake_worker.claim(services.store.get(queued(services)[0]).job)
    fake_worker.write(lease, events.Succeeded, outputs=(Output(index=0, kind="text", text="no"),))
    thread.join()
    assert answers[0].get_json()["code"] == "job_failed"


@pytest.mark.usefixtures("working")
def test_an_idempotency_key_holds_here_too(client: FlaskClient) -> None:
    def once(data: bytes) -> Any:
        return client.post("/hf/models/echo", data=data, headers={"Idempotency-Key": "k"})

    first, again = once(PICTURE), once(PICTURE)
    assert first.headers["X-Request-Id"] == again.headers["X-Request-Id"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert once(plain_image(size=(20, 20))).status_code == 422


@pytest.mark.usefixtures("writing")
def test_a_size_is_ignored_by_the_name_that_it_came_with(client: FlaskClient) -> None:
    answer = ask(client, model="janus-pro-7b", parameters={"target_size": {"width": 64, "height": 64}})
    assert answer.headers["X-Ignored-Params"] == "target_size"
