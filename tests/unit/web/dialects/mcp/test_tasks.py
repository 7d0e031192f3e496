"""Jobs as tasks."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure
from tests.support.fake_worker import FakeWorker
from tests.unit.web.dialects.mcp.conftest import TASKS, Mcp, error, result
from web.services import Services

PROMPT = {"prompt": "a lighthouse", "model": "echo"}
METHODS = ("tasks/get", "tasks/cancel", "tasks/update")


@pytest.fixture
def mcp(client: FlaskClient) -> Mcp:
    """A client that knows tasks."""
    return Mcp(client, modern=True, capabilities=TASKS)


@pytest.fixture
def task(mcp: Mcp) -> Any:
    """A task that was made."""
    return result(mcp.tool("generate_image", PROMPT))


def test_a_call_is_answered_with_a_task(mcp: Mcp, task: Any, services: Services) -> None:
    assert (task["resultType"], task["status"], task["ttlMs"]) == ("task", "working", None)
    job = services.store.get(task["taskId"]).job
    assert job.status == "queued"
    found = result(mcp.send("tasks/get", {"taskId": job.id}))
    assert {**found, "statusMessage": ""} == {**task, "resultType": "complete", "statusMessage": ""}
    assert found["createdAt"] <= found["lastUpdatedAt"]


def test_its_result_is_that_of_the_call(mcp: Mcp, task: Any, services: Services, fake_worker: FakeWorker) -> None:
    fake_worker.succeed(fake_worker.claim(services.store.get(task["taskId"]).job))
    found = result(mcp.send("tasks/get", {"taskId": task["taskId"]}))
    assert (found["status"], found["statusMessage"]) == ("completed", "Done")
    assert found["ttlMs"] >= 86_400_000
    assert [part["type"] for part in found["result"]["content"]] == ["image", "resource_link", "text"]


def test_a_failure_is_a_result_too(mcp: Mcp, task: Any, services: Services, fake_worker: FakeWorker) -> None:
    lease = fake_worker.claim(services.store.get(task["taskId"]).job)
    fake_worker.write(lease, events.Failed, error=Failure(code="bad_output", detail="no"))
    found = result(mcp.send("tasks/get", {"taskId": task["taskId"]}))
    assert (found["status"], found["result"]["isError"], "error" in found) == ("completed", True, False)


def test_it_is_canceled(mcp: Mcp, task: Any, services: Services) -> None:
    assert result(mcp.send("tasks/update", {"taskId": task["taskId"]}))["resultType"] == "complete"
    assert result(mcp.send("tasks/cancel", {"taskId": task["taskId"]}))["resultType"] == "complete"
    assert services.store.get(task["taskId"]).job.status == "canceled"
    assert result(mcp.send("tasks/get", {"taskId": task["taskId"]}))["status"] == "cancelled"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task_id", ["job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "job:*", ""])
def test_one_that_is_not_there(mcp: Mcp, method: str, task_id: str) -> None:
    answer = mcp.send(method, {"taskId": task_id})
    assert (answer.status_code, error(answer)["code"]) == (200, -32602)


@pytest.mark.parametrize("method", METHODS)
def test_who_does_not_know_tasks_gets_none(mcp: Mcp, task: Any, method: str) -> None:
    mcp.capabilities = {}
    answer = mcp.send(method, {"taskId": task["taskId"]})
    assert (answer.status_code, error(answer)["code"]) == (400, -32021)
    assert error(answer)["data"] == {"requiredCapabilities": TASKS}
    mcp.modern = False
    assert error(mcp.send(method, {"taskId": task["taskId"]}))["code"] == -32601
