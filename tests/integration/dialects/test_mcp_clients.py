"""Unmodified MCP clients against the whole service, in both eras of the protocol: only the address and the key are ours."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from PIL import Image

from jobs.scheduling.pauses import Pauses
from tests.support import client_programs, environments
from tests.support.client_service import PAINTER, Service
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run
from tests.support.sample_images import plain_image

# The service, two apps and several interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

CASES: Final = (
    "hello", "generate", "edit", "edit_file", "describe", "wait", "cancel", "models", "failed", "wrong", "no_tool",
)  # fmt: skip
NODE: Final = "client-node"
#: The ways in which the packages are used: their environments, and the revision of the protocol that each speaks.
MODES: Final = {
    "auto": ("client-mcp-2", "2026-07-28"),
    "legacy": ("client-mcp-2", "2025-11-25"),
    "old": ("client-mcp-1", "2025-11-25"),
    "node": (NODE, "2025-11-25"),
    "stdio": ("client-mcp-2", "2026-07-28"),
    "stdio-old": ("client-mcp-1", "2025-11-25"),
}
#: Those that say so when they no longer want an answer; the older package for Python does not.
CANCELING: Final = ("auto", "legacy", "node", "stdio")
#: Those that learn that their server has died; the others wait on, for a minute and longer.
NOTICING: Final = ("auto", "legacy", "stdio")


def client(service: Service, mode: str, *cases: str, **environ: str) -> client_programs.Running:
    name, _ = MODES[mode]
    known = {"MCP_URL": f"{service.stack.url}/mcp", "MCP_KEY": service.key, **environ}
    if name == NODE:
        return client_programs.node("mcp.mjs", *cases, **known)
    bridge = f"{sys.executable} -P -m cli mcp"
    return client_programs.python(
        name, "mcp_tools.py", mode, *cases, **known, MCP_COMMAND=bridge, MCP_FOLDER=str(environments.ROOT)
    )


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
    endless = {mode: submit(service, script=["queue 600s"]) for mode in MODES}
    running = {
        mode: client(
            service,
            mode,
            *CASES,
            *(["no_key"] if not mode.startswith("stdio") else []),
            WAITING=submit(service, script=["queue 1s", "image"]),
            ENDLESS=endless[mode],
            **pictures,
        )
        for mode in MODES
    }
    return {mode: {**program.found(), "endless": endless[mode]} for mode, program in running.items()}


@pytest.fixture(params=[*MODES])
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
@pytest.mark.client("client-node", "@modelcontextprotocol/sdk", "Client", "listTools", "callTool")
def test_they_agree_on_a_revision_and_see_the_tools(found: Any, mode: str) -> None:
    hello = found[mode]["hello"]
    assert (hello["server"], hello["version"]) == ("darkroom", MODES[mode][1])
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
    assert found[mode]["no_tool"]["code"] == -32602
    assert found[mode]["no_tool"]["class"].lower() == "mcperror"


@pytest.mark.parametrize("mode", ["auto", "legacy", "old", "node"])
def test_without_a_key_nothing_is_shown(found: Any, mode: str) -> None:
    assert found[mode]["no_key"]["class"]


@pytest.mark.client("client-mcp-2", "mcp", "tasks/get", "tasks/cancel")
def test_a_call_can_be_a_task(service: Service) -> None:
    known = {"MCP_URL": f"{service.stack.url}/mcp", "MCP_KEY": service.key}
    endless = submit(service, script=["queue 600s"])
    result = client_programs.python("client-mcp-2", "mcp_tasks.py", **known, ENDLESS=endless).found()
    assert image_of(result).size == (64, 64)
    assert words(result)["status"] == "succeeded"
    assert result["seen"][-1] == "completed"
    assert set(result["seen"][:-1]) <= {"working"}
    assert result["ended"] == "cancelled"


@pytest.fixture(scope="module")
def after_a_crash(service: Service, found: Any) -> dict[str, Any]:
    """What clients got that no longer wanted a picture, and then waited while the processes of the server were killed."""
    del found
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = {mode: client(service, mode, "aborted", *(["interrupted"] * (mode in NOTICING))) for mode in CANCELING}
    eventually(lambda: len(service.get("/v1/jobs", q="interrupted")["data"]) == len(NOTICING), "all wait", within=90)
    eventually(lambda: len(service.get("/v1/jobs", q="aborted")["data"]) == len(CANCELING), "all have canceled")
    service.stack.wait_for_status([job["id"] for job in service.get("/v1/jobs", q="aborted")["data"]], "canceled")
    others = {mode: program.found() for mode, program in running.items() if mode not in NOTICING}
    web = service.stack.processes[-1].popen.pid
    serving = subprocess.run(["pgrep", "-P", str(web)], capture_output=True, text=True, check=True).stdout.split()
    for pid in serving:
        os.kill(int(pid), signal.SIGKILL)
    pauses.resume(PAINTER)
    return others | {mode: running[mode].found() for mode in NOTICING}


@pytest.mark.parametrize("mode", CANCELING)
def test_what_is_no_longer_wanted_is_canceled(service: Service, after_a_crash: Any, mode: str) -> None:
    assert "aborted" in after_a_crash[mode]
    (job,) = service.jobs(f"aborted {mode}")
    assert (job["status"], service.calls(f"aborted {mode}")) == ("canceled", [])


@pytest.mark.parametrize("mode", NOTICING)
def test_a_client_that_asks_again_after_a_crash_gets_its_first_job(
    service: Service, after_a_crash: Any, mode: str
) -> None:
    first, again = after_a_crash[mode]["interrupted"]
    # The bridge asks again by itself.
    assert ("content" in first) == mode.startswith("stdio")
    (job,) = service.jobs(f"interrupted {mode}")
    assert (words(again)["job_id"], words(again)["status"]) == (job["id"], "succeeded")
    assert image_of(again).size == (64, 64)
    assert len(service.calls(f"interrupted {mode}")) == 1


def test_the_program_on_the_page_makes_a_picture(service: Service, tmp_path: Path) -> None:
    environments.require("client-mcp-2")
    (text,) = blocks(HOW_TO / "use-mcp-hosts.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(environments.interpreter("client-mcp-2")), "lighthouse.py"]
    printed = run(program, tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    (job,) = service.jobs("a lighthouse at dusk")
    assert printed == f"job {job['id']}\n"
    with Image.open(tmp_path / "lighthouse.webp") as image:
        assert image.format == "WEBP"
