"""Unmodified MCP clients against the whole service, in both eras of the protocol: only the address and the key are ours."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, Final

import pytest
import requests
from PIL import Image

from tests.support import client_programs
from tests.support.client_service import Service
from tests.support.sample_images import plain_image

# The service, two apps and several interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

CASES: Final = (
    "hello", "generate", "edit", "edit_file", "describe", "wait", "cancel", "models", "failed", "wrong", "no_tool", "no_key",
)  # fmt: skip
#: The environments and modes of the package, and the revision that each speaks.
PYTHON: Final = {
    "auto": ("client-mcp-2", "2026-07-28"),
    "legacy": ("client-mcp-2", "2025-11-25"),
    "old": ("client-mcp-1", "2025-11-25"),
}


def python(service: Service, mode: str, *cases: str, **environ: str) -> client_programs.Running:
    name, _ = PYTHON[mode]
    known = {"MCP_URL": f"{service.stack.url}/mcp", "MCP_KEY": service.key}
    return client_programs.python(name, "mcp_tools.py", mode, *cases, **known, **environ)


def submit(service: Service, **given: Any) -> str:
    headers = {"Authorization": f"Bearer {service.key}"}
    body = {"model": "echo", "input": given}
    answer = requests.post(f"{service.stack.url}/v1/jobs", json=body, headers=headers, timeout=(5, 30))
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


@pytest.fixture(scope="module")
def pictures(service: Service) -> dict[str, str]:
    """A black picture, as a client can name it."""
    data = plain_image()
    headers = {"Authorization": f"Bearer {service.key}"}
    answer = requests.post(
        f"{service.stack.url}/v1/files", files={"file": ("a.png", data)}, headers=headers, timeout=(5, 30)
    )
    assert answer.status_code == 201, answer.text
    return {
        "PICTURE": f"data:image/png;base64,{base64.b64encode(data).decode()}",
        "FILE_ID": answer.json()["id"],
    }


@pytest.fixture(scope="module")
def found(service: Service, pictures: dict[str, str]) -> dict[str, Any]:
    """What each mode of the package found."""
    endless = {mode: submit(service, script=["queue 600s"]) for mode in PYTHON}
    running = {
        mode: python(
            service, mode, *CASES, WAITING=submit(service, script=["queue 1s", "image"]), ENDLESS=endless[mode], **pictures
        )
        for mode in PYTHON
    }  # fmt: skip
    return {mode: {**program.found(), "endless": endless[mode]} for mode, program in running.items()}


@pytest.fixture(params=[*PYTHON])
def mode(request: pytest.FixtureRequest) -> str:
    """One of the modes."""
    name: str = request.param
    return name


def words(result: Any) -> Any:
    """What a result says, as its text and as data."""
    assert not result.get("class"), result
    said = json.loads(result["content"][-1]["text"])
    assert result.get("structuredContent", said) == said
    return said


def image_of(result: Any) -> Image.Image:
    """The picture in a result."""
    (copy,) = [part for part in result["content"] if part["type"] == "image"]
    image = Image.open(io.BytesIO(base64.b64decode(copy["data"])))
    image.load()
    return image


def linked(result: Any) -> Image.Image:
    """The picture that a result links to, opened without a key."""
    (link,) = [part for part in result["content"] if part["type"] == "resource_link"]
    answer = requests.get(link["uri"], timeout=(5, 30))
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.client("client-mcp-2", "mcp", "Client", "list_tools", "call_tool")
@pytest.mark.client("client-mcp-1", "mcp", "ClientSession", "list_tools", "call_tool")
def test_they_agree_on_a_revision_and_see_the_tools(found: Any, mode: str) -> None:
    hello = found[mode]["hello"]
    assert (hello["server"], hello["version"]) == ("darkroom", PYTHON[mode][1])
    assert hello["tools"] == [
        "generate_image", "edit_image", "describe_image", "get_job", "cancel_job", "list_models",
    ]  # fmt: skip


def test_a_picture_is_made_with_progress(service: Service, found: Any, mode: str) -> None:
    result = found[mode]["generate"]
    said = words(result)
    assert (image_of(result).size, linked(result).size) == ((64, 64), (64, 64))
    (job,) = service.jobs(f"generate {mode}")
    assert (job["id"], job["status"], job["metadata"]["dialect"]) == (said["job_id"], "succeeded", "mcp")
    assert (said["seed"], said["status"]) == (7, "succeeded")
    reached = [note["progress"] for note in result["notes"]]
    assert reached
    assert reached == sorted(set(reached))


@pytest.mark.parametrize("case", ["edit", "edit_file"])
def test_a_picture_is_made_from_a_picture(found: Any, mode: str, case: str) -> None:
    """The app inverts what it gets, and it gets black."""
    image = linked(found[mode][case]).convert("RGB")
    assert (image.size, image.getpixel((5, 5))) == ((40, 30), (255, 255, 255))


def test_a_picture_is_described(found: Any, mode: str) -> None:
    said = words(found[mode]["describe"])
    assert "outputs" in said, said
    (output,) = said["outputs"]
    assert output["text"] == "A picture of 40x30. You asked: What is it?"


def test_a_job_can_be_waited_for_and_canceled(service: Service, found: Any, mode: str) -> None:
    assert words(found[mode]["wait"])["status"] == "succeeded"
    assert image_of(found[mode]["wait"]).size == (512, 512)
    assert words(found[mode]["cancel"])["status"] in {"canceled", "running"}
    service.stack.wait_for_status([found[mode]["endless"]], "canceled")


def test_models_are_listed(found: Any, mode: str) -> None:
    models = {model["name"]: model for model in words(found[mode]["models"])["models"]}
    assert models["retouch"]["tools"] == ["edit_image"]
    assert models["describe"]["tools"] == ["describe_image"]


def test_what_goes_wrong_is_told_to_the_model(found: Any, mode: str) -> None:
    failed, wrong = found[mode]["failed"], found[mode]["wrong"]
    assert (failed["isError"], words(failed)["error"]["code"]) == (True, "provider_error")
    assert (wrong["isError"], words(wrong)["error"]["errors"][0]["pointer"]) == (True, "/size")
    assert (found[mode]["no_tool"]["class"], found[mode]["no_tool"]["code"]) == (
        "MCPError" if mode != "old" else "McpError",
        -32602,
    )


def test_without_a_key_nothing_is_shown(found: Any, mode: str) -> None:
    assert found[mode]["no_key"]["class"]
