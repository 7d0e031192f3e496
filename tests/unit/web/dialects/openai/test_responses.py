"""OpenAI's responses: made at once or in the background, read and canceled by the id of their job."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure, Job
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.conftest import Writer, at_work
from web.services import Services

RESPONSES = "/v1/responses"
LOOKS = "janus-pro-7b"
DRAWS = "flux-schnell"
FILE = base64.b64encode(paint("a lighthouse", 1, 64, 64)).decode()


def ask(client: FlaskClient, given: Any = "what is this?", **body: Any) -> Any:
    return client.post(RESPONSES, json={"model": LOOKS, "input": given, **body})


def job_of(services: Services, answer: Any) -> Job:
    return services.store.get(answer.headers["X-Request-Id"]).job


def events_of(answer: Any) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


@pytest.mark.usefixtures("writing")
def test_a_text_is_a_message(client: FlaskClient, services: Services) -> None:
    answer = ask(client, instructions="be short", metadata={"for": "me"}, store=False, temperature=0.3)
    job = job_of(services, answer)
    assert answer.get_json() == {
        "id": f"resp_{job.id}",
        "object": "response",
        "created_at": int(job.created_at),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": LOOKS,
        "provider": job.provider,
        "output": [
            {
                "type": "message",
                "id": f"msg_{job.id}",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "It is a red square.", "annotations": []}],
            }
        ],
        "metadata": {"for": "me"},
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }
    assert client.get(f"{RESPONSES}/resp_{job.id}").get_json() == answer.get_json()
    assert [message["content"] for message in job.input["messages"]] == ["be short", "what is this?"]
    assert job.input["temperature"] == 0.3
    assert answer.headers["X-Ignored-Params"] == "store"


@pytest.mark.usefixtures("working")
def test_a_picture_is_a_call(client: FlaskClient) -> None:
    answer = ask(client, "a lighthouse", model=DRAWS).get_json()
    (item,) = answer["output"]
    assert item == {
        "type": "image_generation_call",
        "id": f"ig_{answer['id'].removeprefix('resp_')}_0",
        "status": "completed",
        "result": FILE,
        "size": "64x64",
        "output_format": "png",
    }


@pytest.mark.parametrize(
    ("tool", "model"), [({}, "flux"), ({"model": "gpt-image-1"}, "flux"), ({"model": "flux-dev"}, "flux-dev")]
)
@pytest.mark.usefixtures("working")
def test_the_tool_for_images_means_a_model_that_draws(
    client: FlaskClient, services: Services, tool: dict[str, str], model: str
) -> None:
    tools = [{"type": "image_generation", "size": "640x320", **tool}, {"type": "web_search"}]
    answer = ask(client, model="gpt-5", tools=tools)
    job = job_of(services, answer)
    assert (job.model, job.input["width"], job.input["height"]) == (model, 640, 320)
    assert answer.headers["X-Ignored-Params"] == "tools"


@pytest.mark.usefixtures("writing")
def test_items_are_a_conversation(client: FlaskClient, services: Services) -> None:
    first = ask(client).get_json()
    picture = f"data:image/png;base64,{FILE}"
    said = [
        {"role": "user", "content": [{"type": "input_image", "image_url": picture}]},
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a square"}]},
        {"type": "item_reference", "id": first["output"][0]["id"]},
        {"role": "user", "content": [{"type": "input_text", "text": "sure?"}]},
    ]
    answer = ask(client, said)
    job = job_of(services, answer)
    assert [message["content"] for message in job.input["messages"]] == [
        "",
        "a square",
        "It is a red square.",
        "sure?",
    ]
    assert job.input["image"].startswith("sha256:")
    assert answer.headers["X-Ignored-Params"] == "input.reasoning"


@pytest.mark.usefixtures("writing")
def test_a_text_comes_as_events(client: FlaskClient) -> None:
    told = events_of(ask(client, stream=True))
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [event["type"].removeprefix("response.") for event in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 3,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(event.get("delta", "") for event in told) == "It is a red square."
    assert told[-1]["response"]["output"] == [told[-2]["item"]]


@pytest.mark.usefixtures("working")
def test_a_picture_comes_as_events(client: FlaskClient) -> None:
    told = events_of(ask(client, "a lighthouse", model=DRAWS, stream=True))
    assert [event["type"].removeprefix("response.") for event in told[2:]] == [
        "output_item.added",
        "image_generation_call.completed",
        "output_item.done",
        "completed",
    ]
    assert told[-2]["item"]["result"] == FILE


def test_a_text_that_was_sent_and_then_rewritten_is_an_error(client: FlaskClient, writing: Writer) -> None:
    writing.states = [(0, "It is"), (5, " a"), (0, "No, it"), (6, " is")]
    writing.text = "No, it is a circle."
    last = events_of(ask(client, stream=True))[-1]
    assert (last["type"], last["code"], last["error"]["code"]) == ("error", "job_failed", "job_failed")


def test_in_the_background_it_is_queued_and_can_be_canceled(client: FlaskClient, services: Services) -> None:
    answer = ask(client, background=True)
    made = answer.get_json()
    assert (answer.status_code, made["status"], made["output"]) == (200, "queued", [])
    path = f"{RESPONSES}/{made['id']}"
    assert client.get(path).get_json() == made
    assert client.post(f"{path}/cancel").get_json()["status"] == "cancelled"
    assert client.get(path).get_json()["status"] == "cancelled"


@pytest.mark.parametrize("how", ["waits", "streams", "polls"])
def test_a_job_that_fails(client: FlaskClient, services: Services, fake_worker: FakeWorker, how: str) -> None:
    error = Failure(code="provider_error", detail="the app said no", provider="x")
    with at_work(services, fake_worker, lambda lease: fake_worker.write(lease, events.Failed, error=error)):
        answer = ask(client, stream=how == "streams")
        found = events_of(answer)[-1] if how == "streams" else answer.get_json()
    if how == "waits":
        assert (answer.status_code, found["error"]["code"]) == (424, "provider_error")
        return
    if how == "polls":
        found = {"response": client.get(f"{RESPONSES}/resp_{answer.headers['X-Request-Id']}").get_json()}
    assert found["response"]["status"] == "failed"
    assert found["response"]["error"] == {"code": "provider_error", "message": "the app said no"}


@pytest.mark.parametrize(
    ("given", "body", "place"),
    [
        (None, {}, "/input"),
        ([], {}, "/input"),
        ([{"role": "tool", "content": "x"}], {}, "/input/0/role"),
        ([{"type": "computer"}], {}, "/input/0"),
        ([{"type": "item_reference", "id": "msg_x"}], {}, "/input/0/id"),
        ([{"type": "item_reference", "id": "msg_job_01ARZ3NDEKTSV4RRFFQ69G5FAV"}], {}, "/input/0/id"),
        ([{"role": "user", "content": [{"type": "input_file"}]}], {}, "/input/0/content/0"),
        ([{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}], {"model": DRAWS}, "/input/0/content/0"),
        ("x", {"previous_response_id": "resp_1"}, "/previous_response_id"),
        ("x", {"model": DRAWS, "tools": [{"type": "image_generation", "size": "9999x64"}]}, "/tools/0/size"),
        ("x", {"model": DRAWS, "tools": [{"type": "image_generation", "size": "big"}]}, "/tools/0/size"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_stands(
    client: FlaskClient, services: Services, given: Any, body: Any, place: str
) -> None:
    answer = ask(client, given, **body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, place)
    assert services.queue.overview().queued == 0


def test_what_is_not_there_is_not_found(client: FlaskClient) -> None:
    for name in ("resp_job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "resp_1", "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        assert client.get(f"{RESPONSES}/{name}").status_code == 404
    made = ask(client, background=True).get_json()["id"]
    assert client.get(f"{RESPONSES}/{made}?stream=true").status_code == 422
