"""The tools: what they take, what they make, and what a model that calls them is told."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import jsonschema_rs
import pytest
from PIL import Image

from jobs import events
from jobs.model import Failure, Output
from jobs.record.types import Lease
from providers.echo.painting import paint
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.conftest import Writer, at_work
from tests.unit.web.dialects.mcp.conftest import TASKS, Mcp, error, messages, result
from web.services import Services, Timings

PROMPT = {"prompt": "a lighthouse", "model": "echo"}


def listed(mcp: Mcp) -> dict[str, Any]:
    return {tool["name"]: tool for tool in result(mcp.send("tools/list"))["tools"]}


def words(found: Any) -> Any:
    """What the text of a result says, which is also its structured content."""
    said = json.loads(found["content"][-1]["text"])
    assert found.get("structuredContent", said) == said
    return said


def test_the_tools_are_those_that_models_are_for(mcp: Mcp) -> None:
    tools = listed(mcp)
    assert [*tools] == ["generate_image", "edit_image", "describe_image", "get_job", "cancel_job", "list_models"]
    for tool in tools.values():
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            jsonschema_rs.meta.validate(schema)
    assert {"prompt", "model", "width", "seed"} <= set(tools["generate_image"]["inputSchema"]["properties"])
    assert tools["describe_image"]["inputSchema"]["required"] == ["image"]


@pytest.mark.usefixtures("working")
def test_a_picture_comes_as_a_copy_a_link_and_words(mcp: Mcp, services: Services) -> None:
    answer = mcp.tool("generate_image", {**PROMPT, "width": 64, "height": 64, "seed": 7})
    found = result(answer)
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert (job.metadata, job.input["seed"]) == ({"dialect": "mcp"}, 7)
    copy, link, text = found["content"]
    with Image.open(io.BytesIO(base64.b64decode(copy["data"]))) as image:
        assert (image.format, image.size, copy["mimeType"]) == ("WEBP", (64, 64), "image/webp")
    assert mcp.http.get(link["uri"]).data == paint("a lighthouse", 1, 64, 64)
    assert (link["type"], link["mimeType"]) == ("resource_link", "image/png")
    assert link["name"]
    said = words(found)
    assert (said["job_id"], said["status"], said["model"], said["seed"]) == (job.id, "succeeded", "echo", 7)
    assert said["outputs"] == [{"url": link["uri"], "content_type": "image/png", "width": 64, "height": 64}]
    assert found["isError"] is False
    jsonschema_rs.Draft202012Validator(listed(mcp)["generate_image"]["outputSchema"]).validate(said)
    assert text["type"] == "text"


@pytest.mark.usefixtures("working")
def test_without_copies_a_result_is_small(mcp: Mcp) -> None:
    mcp.path = "/mcp?no_image_content=true"
    found = mcp.called("generate_image", PROMPT)
    assert [part["type"] for part in found["content"]] == ["resource_link", "text"]


@pytest.mark.parametrize("version", ["", "2025-03-26"])
@pytest.mark.usefixtures("working")
def test_the_first_revision_has_no_links(legacy: Mcp, version: str) -> None:
    legacy.version = version
    found = legacy.called("generate_image", PROMPT)
    assert [part["type"] for part in found["content"]] == ["image", "text"]
    assert words(found)["outputs"][0]["url"]


@pytest.mark.usefixtures("working")
def test_null_is_as_good_as_left_out(mcp: Mcp) -> None:
    assert mcp.called("generate_image", {**PROMPT, "seed": None, "width": None})["isError"] is False
    assert result(mcp.send("tools/call", {"name": "list_models", "arguments": None}))["isError"] is False


def test_a_large_picture_is_looked_at_smaller(mcp: Mcp, services: Services, fake_worker: FakeWorker) -> None:
    data = paint("wide", 1, 2000, 500)

    def run(lease: Lease) -> None:
        digest = services.artifacts.put(lease.job.id, data)
        output = Output(
            index=0, kind="image", content_type="image/png", width=2000, height=500, bytes=len(data), sha256=digest
        )
        fake_worker.write(lease, events.Succeeded, outputs=(output,))

    with at_work(services, fake_worker, run):
        found = mcp.called("generate_image", PROMPT)
    with Image.open(io.BytesIO(base64.b64decode(found["content"][0]["data"]))) as image:
        assert image.size == (1024, 256)


@pytest.mark.parametrize(
    ("tool", "arguments", "place", "says"),
    [
        ("generate_image", {}, "/prompt", "missing"),
        ("generate_image", {**PROMPT, "size": "1x1"}, "/size", "prompt, model"),
        ("generate_image", {**PROMPT, "width": "64"}, "/width", "whole number"),
        ("generate_image", {**PROMPT, "width": 99_999, "height": 64}, "/width", "to"),
        ("generate_image", {**PROMPT, "model": "steam"}, "/model", "one of"),
        ("edit_image", {"prompt": "x"}, "/image", "missing"),
        ("edit_image", {"image": "no picture", "model": "echo"}, "/image", "data: URI"),
        ("edit_image", {"image": "https://a.example/x.png", "model": "echo", "mask": "https://a.example/x.png"}, "/mask", ""),
        ("describe_image", {"image": "x", "question": 3}, "/question", "a text"),
        ("get_job", {"job_id": "x"}, "/job_id", "id of a job"),
        ("get_job", {"job_id": "job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "wait_seconds": 99}, "/wait_seconds", "45"),
        ("list_models", {"x": 1}, "/x", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_arguments_is_told_to_the_model(
    mcp: Mcp, services: Services, tool: str, arguments: dict[str, Any], place: str, says: str
) -> None:
    found = mcp.called(tool, arguments)
    said = words(found)["error"]
    assert (found["isError"], said["code"], said["retryable"]) == (True, "invalid_input", False)
    assert said["errors"][0]["pointer"] == place
    assert says in said["errors"][0]["detail"]
    assert services.queue.overview().queued == 0


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(mcp: Mcp) -> None:
    for params in ({"name": "rm"}, {"name": 1}, {"name": "get_job", "arguments": []}, {}):
        answer = mcp.send("tools/call", params, Mcp_Name=str(params.get("name")))
        assert answer.status_code in {200, 400}
        assert error(answer)["code"] in {-32602, -32020}


@pytest.mark.usefixtures("working")
def test_what_a_model_does_not_take_is_said(mcp: Mcp, services: Services) -> None:
    answer = mcp.tool("generate_image", {**PROMPT, "guidance_scale": 7})
    assert words(result(answer))["warnings"] == ["Ignored: guidance_scale."]
    assert answer.headers["X-Ignored-Params"] == "guidance_scale"


def test_a_failed_job_is_a_failed_call_that_says_whether_to_retry(
    mcp: Mcp, services: Services, fake_worker: FakeWorker
) -> None:
    failure = Failure(code="provider_busy", detail="The queue is full.", retryable=True)
    with at_work(services, fake_worker, lambda lease: fake_worker.write(lease, events.Failed, error=failure)):
        found = mcp.called("generate_image", PROMPT)
    assert found["isError"] is True
    assert words(found)["error"] == {"code": "provider_busy", "detail": "The queue is full.", "retryable": True}


def test_a_picture_is_described(mcp: Mcp, services: Services, writing: Writer) -> None:
    picture = f"data:image/png;base64,{base64.b64encode(paint('x', 1, 64, 64)).decode()}"
    answer = mcp.tool("describe_image", {"image": picture, "question": "What is it?"})
    said = words(result(answer))
    assert said["outputs"] == [{"content_type": "text/plain", "text": writing.text}]
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert "What is it?" in json.dumps(job.input)


@pytest.mark.usefixtures("working")
def test_a_picture_is_edited(mcp: Mcp, services: Services) -> None:
    picture = f"data:image/png;base64,{base64.b64encode(paint('x', 1, 64, 64)).decode()}"
    answer = mcp.tool("edit_image", {"image": picture, "model": "echo", "prompt": "at night"})
    assert result(answer)["isError"] is False
    job = services.store.get(answer.headers["X-Request-Id"]).job
    assert (job.input["prompt"], "image" in job.input) == ("at night", True)


@pytest.mark.parametrize("timings", [Timings(tool_call=0.1)])
def test_a_long_call_ends_with_a_handle(mcp: Mcp, services: Services, fake_worker: FakeWorker) -> None:
    said = words(mcp.called("generate_image", PROMPT))
    assert (said["status"], said["outputs"]) == ("queued", [])
    assert "get_job" in said["message"]
    assert mcp.http.get(said["image_url"]).status_code == 200
    again = words(mcp.called("get_job", {"job_id": said["job_id"], "wait_seconds": 0}))
    assert again["status"] == "queued"
    fake_worker.succeed(fake_worker.claim(services.store.get(said["job_id"]).job))
    ended = mcp.called("get_job", {"job_id": said["job_id"]})
    assert [part["type"] for part in ended["content"]] == ["image", "resource_link", "text"]


@pytest.mark.usefixtures("working")
def test_progress_rises_and_says_what_happens(mcp: Mcp) -> None:
    *notes, last = messages(mcp.tool("generate_image", PROMPT, progressToken="p"))
    assert last["result"]["isError"] is False
    assert all(note["method"] == "notifications/progress" for note in notes)
    reached = [note["params"]["progress"] for note in notes]
    assert reached == sorted(set(reached))
    assert all(note["params"]["progressToken"] == "p" and note["params"]["message"] for note in notes)


@pytest.mark.parametrize("timings", [Timings(tool_call=0.1)])
def test_what_a_call_waits_for_is_reported(mcp: Mcp) -> None:
    note, _ = messages(mcp.tool("generate_image", PROMPT, progressToken=0))
    assert (note["params"]["progressToken"], note["params"]["total"]) == (0, 100)
    assert "queue" in note["params"]["message"].lower()


@pytest.mark.parametrize("timings", [Timings(tool_call=0.1)])
def test_a_job_is_canceled_by_its_tool(mcp: Mcp, services: Services) -> None:
    job_id = words(mcp.called("generate_image", PROMPT))["job_id"]
    found = mcp.called("cancel_job", {"job_id": job_id})
    assert (found["isError"], words(found)["status"]) == (False, "canceled")
    assert services.store.get(job_id).job.status == "canceled"


def test_a_job_that_is_not_there_is_told_to_the_model(mcp: Mcp) -> None:
    for tool in ("get_job", "cancel_job"):
        found = mcp.called(tool, {"job_id": "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"})
        assert (found["isError"], words(found)["error"]["code"]) == (True, "not_found")


def test_models_are_listed_with_what_they_are_for(mcp: Mcp) -> None:
    models = {model["name"]: model for model in words(mcp.called("list_models"))["models"]}
    assert models["echo"]["tools"] == ["generate_image", "edit_image"]
    assert models["echo"]["available"] is True
    assert "prompt" in models["echo"]["parameters"]
    assert any("describe_image" in model["tools"] for model in models.values())


def test_closing_the_stream_cancels_in_the_newer_era_alone(mcp: Mcp, services: Services) -> None:
    answer = mcp.tool("generate_image", PROMPT, progressToken=1)
    job_id = answer.headers["X-Request-Id"]
    assert b"notifications/progress" in next(answer.iter_encoded())
    answer.close()
    assert services.store.get(job_id).job.status == ("canceled" if mcp.modern else "queued")


def test_what_was_canceled_by_closing_is_not_joined(modern: Mcp, services: Services) -> None:
    made = []
    for _ in range(2):
        answer = modern.tool("generate_image", PROMPT)
        made.append(answer.headers["X-Request-Id"])
        next(answer.iter_encoded())
        answer.close()
    assert len(set(made)) == 2
    assert services.queue.overview().queued == 0


def test_what_was_lost_is_joined_in_the_older_era(legacy: Mcp) -> None:
    answer = legacy.tool("generate_image", PROMPT)
    next(answer.iter_encoded())
    answer.close()
    again = legacy.tool("generate_image", PROMPT)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Request-Id"] == answer.headers["X-Request-Id"]


def test_two_tasks_alike_are_two(modern: Mcp) -> None:
    modern.capabilities = TASKS
    assert len({result(modern.tool("generate_image", PROMPT))["taskId"] for _ in range(2)}) == 2


def test_only_calls_that_make_jobs_count_against_the_limit_of_submissions(public_app: Any) -> None:
    _, key = public_app.extensions["darkroom"].keys.create("host", limits={"submits_per_minute": 1})
    client = public_app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    mcp = Mcp(client, modern=True, capabilities=TASKS)
    assert result(mcp.tool("generate_image", PROMPT))["status"] == "working"
    for _ in range(3):
        assert mcp.called("list_models")["isError"] is False
    found = mcp.called("generate_image", PROMPT)
    said = words(found)["error"]
    assert (found["isError"], said["code"], said["retryable"]) == (True, "rate_limited", True)
    assert said["retry_after_seconds"] > 0


def test_anothers_job_is_like_none(public_app: Any) -> None:
    services: Services = public_app.extensions["darkroom"]
    owners = {name: services.keys.create(name)[1] for name in ("mine", "theirs")}
    clients = {}
    for name, key in owners.items():
        clients[name] = Mcp(public_app.test_client(), modern=True, capabilities=TASKS)
        clients[name].http.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    job_id, none = result(clients["mine"].tool("generate_image", PROMPT))["taskId"], "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    other = clients["theirs"]
    for tool in ("get_job", "cancel_job"):
        seen = [other.called(tool, {"job_id": name}) for name in (job_id, none)]
        assert seen[0] == seen[1]
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        found = [other.send(method, {"taskId": name}).get_json() for name in (job_id, none)]
        assert found[0] == found[1]
    assert services.store.get(job_id).job.status == "queued"


def test_closing_a_look_cancels_nothing(modern: Mcp, services: Services) -> None:
    modern.capabilities = TASKS
    job_id = result(modern.tool("generate_image", PROMPT))["taskId"]
    answer = modern.tool("get_job", {"job_id": job_id}, progressToken=1)
    assert b"notifications/progress" in next(answer.iter_encoded())
    answer.close()
    assert services.store.get(job_id).job.status == "queued"


def test_a_notification_cancels_the_call_of_its_own_session(legacy: Mcp, services: Services) -> None:
    session = legacy.send("initialize", {"protocolVersion": "2025-11-25"}).headers["Mcp-Session-Id"]
    answer = legacy.send("tools/call", {"name": "generate_image", "arguments": PROMPT}, Mcp_Session_Id=session)
    job_id = answer.headers["X-Request-Id"]
    for name, request_id, status in (
        (session, 8, "queued"),
        (session, "7", "queued"),
        ("other", 7, "queued"),
        (session, 7, "canceled"),
    ):
        notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}
        taken = legacy.http.post("/mcp", json=notice, headers={"Mcp-Session-Id": name})
        assert (taken.status_code, taken.data) == (202, b"")
        assert services.store.get(job_id).job.status == status


@pytest.mark.parametrize("params", [None, {}, {"requestId": None}, {"requestId": {"a": 1}}, {"requestId": True}])
def test_a_notification_that_means_no_call_is_taken(legacy: Mcp, params: Any) -> None:
    notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", **({} if params is None else {"params": params})}
    assert legacy.http.post("/mcp", json=notice, headers={"Mcp-Session-Id": "x"}).status_code == 202
