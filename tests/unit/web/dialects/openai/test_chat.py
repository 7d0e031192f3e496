"""OpenAI's chat: what of a conversation reaches the model, and how its answer comes."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Job, Output
from jobs.record.types import Lease
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.conftest import Writer, at_work
from web.services import Services, Timings

CHAT = "/v1/chat/completions"
LOOKS = "janus-pro-7b"
DRAWS = "flux-schnell"
PICTURE = f"data:image/png;base64,{base64.b64encode(paint('x', 1, 64, 64)).decode()}"
QUESTION = {"role": "user", "content": "what is this?"}


def seen(picture: str, text: str = "what is this?") -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": picture}}],
    }


def ask(client: FlaskClient, *messages: Any, **body: Any) -> Any:
    return client.post(CHAT, json={"model": LOOKS, "messages": messages or (QUESTION,), **body})


def job_of(services: Services, answer: Any) -> Job:
    return services.store.get(answer.headers["X-Request-Id"]).job


def chunks(answer: Any) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.usefixtures("writing")
def test_a_text_is_a_completion(client: FlaskClient, services: Services) -> None:
    answer = ask(client)
    job = job_of(services, answer)
    assert job.metadata == {"dialect": "openai"}
    assert answer.get_json() == {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion",
        "created": int(job.created_at),
        "model": LOOKS,
        "provider": job.provider,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "It is a red square."},
                "finish_reason": "stop",
            }
        ],
    }


@pytest.mark.usefixtures("writing")
def test_it_comes_in_pieces_that_together_are_the_text(client: FlaskClient) -> None:
    answer = ask(client, stream=True)
    found = chunks(answer)
    deltas = [chunk["choices"][0]["delta"] for chunk in found]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert [delta["content"] for delta in deltas[1:-1]] == ["It is a", " red sq", "uare."]
    assert [chunk["choices"][0]["finish_reason"] for chunk in found[-2:]] == [None, "stop"]
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    assert answer.text.endswith("data: [DONE]\n\n")
    assert "id: " not in answer.text


def test_a_text_that_was_sent_and_then_rewritten_is_an_error(client: FlaskClient, writing: Writer) -> None:
    writing.states = [(0, "It is"), (5, " a"), (0, "No, it"), (6, " is")]
    writing.text = "No, it is a circle."
    last = chunks(ask(client, stream=True))[-1]
    assert last["error"]["code"] == "job_failed"
    assert "wrote its text anew" in last["error"]["message"]


@pytest.mark.usefixtures("writing")
def test_the_whole_conversation_reaches_a_model_that_reads_one(client: FlaskClient, services: Services) -> None:
    said = [{"role": "developer", "content": "be short"}, seen(PICTURE), {"role": "assistant", "content": "a square"}]
    called = [{"role": "assistant", "content": None, "tool_calls": [{}]}, {"role": "tool", "content": "42"}]
    answer = ask(client, *said, *called, {"role": "user", "content": "which colour?"})
    job = job_of(services, answer)
    assert job.input["messages"] == [
        {"role": "system", "content": "be short"},
        {"role": "user", "content": "what is this?"},
        {"role": "assistant", "content": "a square"},
        {"role": "user", "content": "which colour?"},
    ]
    assert job.input["prompt"] == "which colour?"
    assert job.input["image"].startswith("sha256:")
    assert answer.headers["X-Ignored-Params"] == "messages.tool"


@pytest.mark.usefixtures("working")
def test_a_model_that_draws_gets_the_last_message(client: FlaskClient, services: Services) -> None:
    said = [QUESTION, {"role": "assistant", "content": "a cat"}, {"role": "user", "content": "a lighthouse"}]
    answer = ask(client, *said, model=DRAWS, width=640, modalities=["image", "text"])
    assert job_of(services, answer).input | {"prompt": "a lighthouse", "width": 640} == job_of(services, answer).input
    (choice,) = answer.get_json()["choices"]
    link = choice["message"]["content"].removeprefix("![image](").removesuffix(")")
    assert client.get(link).data == paint("a lighthouse", 1, 64, 64)
    (image,) = choice["message"]["images"]
    file = base64.b64encode(paint("a lighthouse", 1, 64, 64)).decode()
    assert image == {"type": "image_url", "index": 0, "image_url": {"url": f"data:image/png;base64,{file}"}}
    assert "X-Ignored-Params" not in answer.headers


@pytest.mark.usefixtures("working")
def test_a_picture_comes_in_a_stream_too(client: FlaskClient) -> None:
    *_, picture, end = chunks(ask(client, model=DRAWS, stream=True))
    assert picture["choices"][0]["delta"]["content"].startswith("![image](")
    assert picture["choices"][0]["delta"]["images"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert end["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}


@pytest.mark.usefixtures("working")
def test_a_picture_that_was_sent_earlier_is_the_one_to_change(client: FlaskClient, services: Services) -> None:
    answer = ask(client, seen(PICTURE), {"role": "user", "content": "at night"}, model="echo")
    used = job_of(services, answer).input
    assert (used["prompt"], used["image"][:7]) == ("at night", "sha256:")


@pytest.mark.usefixtures("writing")
def test_parameters_go_where_the_model_has_them(client: FlaskClient, services: Services) -> None:
    answer = ask(client, temperature=0.5, top_p=0.9, seed=3, max_tokens=9, stop=["x"], tools=[], api_key="sk-secret")
    job = job_of(services, answer)
    assert [job.input[name] for name in ("temperature", "top_p", "seed")] == [0.5, 0.9, 3]
    names = answer.headers["X-Ignored-Params"]
    assert set(names.split(", ")) == {"max_tokens", "stop", "tools", "api_key"}
    assert job.warnings == (f"Ignored: {names}.",)
    assert "sk-secret" not in repr(job)


@pytest.mark.parametrize(("name", "meant"), [("gpt-4o", LOOKS), ("dummy", LOOKS), (None, LOOKS)])
@pytest.mark.usefixtures("writing")
def test_openais_own_names_mean_the_first_model_here(client: FlaskClient, name: str | None, meant: str) -> None:
    assert ask(client, model=name).get_json()["model"] == meant


@pytest.mark.parametrize(
    ("messages", "body", "status", "place"),
    [
        ([], {"messages": []}, 422, "/messages"),
        ([], {"messages": None}, 422, "/messages"),
        ([{"role": "wizard", "content": "x"}], {}, 422, "/messages/0/role"),
        ([{"role": "system", "content": "x"}], {}, 422, "/messages/0"),
        ([{"role": "user", "content": 7}], {}, 422, "/messages/0/content"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], {}, 422, "/messages/0/content/0"),
        ([{"role": "tool", "content": "x"}, seen("nowhere")], {}, 422, "/messages/1/content/1/image_url/url"),
        ([seen("file_01K5ZZZZZZZZZZZZZZZZZZZZZZ")], {}, 422, "/messages/0/content/1/image_url/url"),
        ([seen(PICTURE)], {"model": DRAWS}, 422, "/messages/0/content/1"),
        ([], {"temperature": 2}, 422, "/temperature"),
        ([], {"n": 2}, 422, "/n"),
        ([], {"model": "steam"}, 404, "/model"),
    ],
)
def test_a_fault_is_told_where_it_stands(
    client: FlaskClient, services: Services, messages: Any, body: Any, status: int, place: str
) -> None:
    answer = ask(client, *messages, **body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (status, place)
    assert services.queue.overview().queued == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_job_that_fails_is_an_error(
    client: FlaskClient, services: Services, fake_worker: FakeWorker, *, stream: bool
) -> None:
    error = Failure(code="content_rejected", detail="the app said no", provider="x")
    with at_work(services, fake_worker, lambda lease: fake_worker.write(lease, events.Failed, error=error)):
        answer = ask(client, stream=stream)
        found = chunks(answer)[-1] if stream else answer.get_json()
    assert (answer.status_code, found["error"]["code"]) == (200 if stream else 400, "content_policy_violation")
    assert "[DONE]" not in answer.text


def test_what_is_no_text_and_no_picture_is_shown_or_linked(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    def run(lease: Lease) -> None:
        digest = services.artifacts.put(lease.job.id, b"It is a long text.")
        outputs = (
            Output(index=0, kind="text", text="It is", sha256=digest, bytes=18),
            Output(index=1, kind="json", data={"red": 1}),
            Output(index=2, kind="audio", content_type="audio/wav", filename="a.wav", sha256=digest, bytes=18),
        )
        fake_worker.write(lease, events.Succeeded, outputs=outputs)

    with at_work(services, fake_worker, run):
        said = ask(client).get_json()["choices"][0]["message"]["content"].split("\n\n")
    assert said[:2] == ["It is a long text.", '{"red":1}']
    assert said[2].startswith("[a.wav](http://")
    assert client.get(said[2].removeprefix("[a.wav](").removesuffix(")")).data == b"It is a long text."


@pytest.mark.parametrize("timings", [Timings(heartbeat=0.05)])
def test_a_stream_without_news_shows_that_it_is_open(
    client: FlaskClient, services: Services, fake_worker: FakeWorker
) -> None:
    def run(lease: Lease) -> None:
        time.sleep(0.3)
        fake_worker.succeed(lease)

    with at_work(services, fake_worker, run):
        assert "\n: still here\n\n" in ask(client, stream=True).text


@pytest.mark.usefixtures("writing")
def test_a_client_that_is_gone_and_asks_again_gets_its_first_job(client: FlaskClient) -> None:
    first = ask(client, stream=True)
    # The client goes before the answer has come.
    first.close()
    again = ask(client, stream=True)
    assert again.headers["X-Request-Id"] == first.headers["X-Request-Id"]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(again)) == "It is a red square."
