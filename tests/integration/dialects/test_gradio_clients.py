"""Unmodified clients of Gradio apps against the whole service: only the address and the key are ours.

Each program in ``tests/clients`` runs once with many cases, both lines of ``gradio_client`` at the same time.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from jobs.access.api_key_store import ApiKeyStore
from jobs.scheduling.pauses import Pauses
from tests.spaces import environments as space_environments
from tests.support import client_programs, environments
from tests.support.client_service import PAINTER, Service
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run, run_commands
from tests.support.sample_images import plain_image

# The service, two apps and some interpreters start: that takes more than a minute on a machine that is busy.
pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]

CASES = (
    "predict", "defaults", "header", "submit", "two", "cancel", "file_in", "gallery_in", "failed", "bad_value", "no_key",
    "no_model", "view_api",
)  # fmt: skip
NODE_CASES = ("predict", "submit", "cancel", "file_in", "failed", "bad_value", "no_key")
VERSIONS = (1, 2)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("picture") / "black.png"
    path.write_bytes(plain_image())
    return path


def environ_of(service: Service, picture: Path, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return {
        "DARKROOM_URL": service.stack.url, "DARKROOM_API_KEY": service.key, "PICTURE": str(picture), "HOME": str(folder),
        "GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip


def python(service: Service, version: int, picture: Path, *cases: str, **environ: str) -> client_programs.Running:
    given = environ_of(service, picture, picture.parent / f"gradio-{version}")
    return client_programs.python(f"client-gradio-{version}", "gradio_calls.py", *cases, **given, **environ)


@pytest.fixture(scope="module")
def found(service: Service, picture: Path) -> Any:
    """What each line found, and Node's package."""
    running: dict[object, client_programs.Running] = {
        version: python(service, version, picture, *CASES) for version in VERSIONS
    }
    environ = environ_of(service, picture, picture.parent / "node")
    running["node"] = client_programs.node("gradio.mjs", *NODE_CASES, **environ)
    return {name: program.found(200) for name, program in running.items()}


def mark(version: int) -> str:
    """How a program marks its prompts."""
    return "hf_token" if version == 1 else "token"


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def is_white(path: str) -> bool:
    with Image.open(path) as image:
        return image.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.client("client-gradio-1", "gradio_client", "predict")
@pytest.mark.client("client-gradio-2", "gradio_client", "predict")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_prediction_has_the_answer_of_the_space(service: Service, found: Any, version: int) -> None:
    answer = found[version]["predict"]
    assert (answer["seed"], size(answer["picture"])) == (7, (256, 128))
    (job,) = service.jobs(f"predict {mark(version)}")
    assert (job["model"], job["metadata"]["dialect"], job["status"]) == ("flux-schnell", "gradio", "succeeded")
    assert job["outputs"][0]["bytes"] == answer["bytes"]
    (call,) = service.calls(f"predict {mark(version)}")
    assert (call["seed"], call["randomize_seed"], call["num_inference_steps"]) == (7, False, 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_left_out_is_the_default_of_the_space(service: Service, found: Any, version: int) -> None:
    (call,) = service.calls(f"defaults {mark(version)}")
    assert (call["randomize_seed"], call["width"], call["num_inference_steps"]) == (True, 1024, 4)
    assert isinstance(found[version]["defaults"]["seed"], int)
    assert found[version]["defaults"]["bytes"] > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_counts_beside_a_token_for_the_hub(service: Service, found: Any, version: int) -> None:
    assert found[version]["header"]["bytes"] > 0
    (job,) = service.jobs(f"header {mark(version)}")
    assert job["status"] == "succeeded"


@pytest.mark.client("client-gradio-1", "gradio_client", "submit", "job.status", "job.result")
@pytest.mark.client("client-gradio-2", "gradio_client", "submit", "job.status", "job.result")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_is_heard_of_while_it_runs(found: Any, version: int) -> None:
    answer = found[version]["submit"]
    units = [unit for heard in answer["heard"] for unit in heard["progress"] if unit["length"]]
    assert units, answer["heard"]
    assert {(unit["length"], unit["unit"], unit["desc"]) for unit in units} == {(6, "steps", "Denoising")}
    assert answer["last"] == "FINISHED"
    assert min(found[version]["two"]["bytes"]) > 0


@pytest.mark.client("client-gradio-1", "gradio_client", "job.cancel")
@pytest.mark.client("client-gradio-2", "gradio_client", "job.cancel")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_is_canceled(service: Service, found: Any, version: int) -> None:
    assert found[version]["cancel"]["canceled"]
    (job,) = service.jobs(f"cancel {mark(version)}")
    eventually(lambda: service.get(f"/v1/jobs/{job['id']}")["status"] == "canceled", "it is canceled")


@pytest.mark.client("client-gradio-1", "gradio_client", "handle_file")
@pytest.mark.client("client-gradio-2", "gradio_client", "handle_file")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_picture_is_made_from_pictures(found: Any, version: int) -> None:
    """The app inverts what it gets, and it gets black."""
    one, two = found[version]["file_in"]["picture"], found[version]["gallery_in"]["picture"]
    assert (size(one), is_white(one)) == ((40, 30), True)
    assert (size(two), is_white(two)) == ((80, 30), True)


@pytest.mark.client("client-gradio-1", "gradio_client", "view_api")
@pytest.mark.client("client-gradio-2", "gradio_client", "view_api")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_functions_are_those_of_the_space(found: Any, version: int) -> None:
    told = found[version]["view_api"]
    assert told["name"] == "/infer"
    assert told["parameters"] == ["prompt", "seed", "randomize_seed", "width", "height", "num_inference_steps"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("failed", "AppError", "provider_error: "),
        ("bad_value", "ValidationError", "- width: must be from 1 to 2048"),
        ("no_key", "AuthenticationError", "credentials"),
        ("no_model", "ValueError", "Could not fetch config"),
    ],
)
def test_an_error_says_what_is_wrong(found: Any, version: int, case: str, kind: str, words: str) -> None:
    answer = found[version][case]
    assert (answer["class"], words in answer["message"]) == (kind, True), answer


@pytest.mark.client("client-node", "@gradio/client", "Client.connect", "predict", "submit", "cancel")
def test_gradios_package_for_node(service: Service, found: Any) -> None:
    picture, seed = found["node"]["predict"]["data"]
    assert seed == 7
    # It is handed to the program as an address, and opens without a key.
    answer = requests.get(picture["url"], timeout=(5, 30))
    assert (answer.status_code, len(answer.content)) == (200, picture["size"])
    heard = [event for event in found["node"]["submit"]["events"] if event["type"] == "status"]
    assert (heard[0]["stage"], heard[-1]["stage"]) == ("pending", "complete")
    units = [unit for event in heard for unit in event.get("progress_data") or () if unit["length"]]
    assert {(unit["length"], unit["desc"]) for unit in units} == {(6, "Denoising")}
    (made,) = found["node"]["file_in"]["data"]
    assert requests.get(made["url"], timeout=(5, 30)).status_code == 200
    (job,) = service.jobs("cancel node")
    eventually(lambda: service.get(f"/v1/jobs/{job['id']}")["status"] == "canceled", "it is canceled")
    assert found["node"]["failed"]["message"].startswith("provider_error: ")
    assert found["node"]["no_key"]["message"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_space_is_found_by_its_name(service: Service, picture: Path, version: int) -> None:
    answer = python(service, version, picture, "by_space", HF_ENDPOINT=service.stack.url).found()["by_space"]
    assert answer["src"] == f"{service.stack.url}/gradio/retouch/"
    assert is_white(answer["picture"])


@pytest.mark.client("gradio-6", "gradio", "gr.load")
def test_an_app_of_ones_own_loads_a_model(service: Service, picture: Path) -> None:
    line = space_environments.TESTED[-1]
    environ = environ_of(service, picture, picture.parent / "load")
    answer = client_programs.python(f"gradio-{line}", "gradio_load.py", "load", **environ).found()["load"]
    assert answer["seed"] == 7
    assert requests.get(answer["picture"]["url"], timeout=(5, 30)).status_code == 200


@pytest.mark.usefixtures("found")
def test_a_client_that_wants_signs_of_life_asks_for_them_once(service: Service) -> None:
    """An older one asks again at once where it is refused, or where the answer ends well."""
    _, admin = ApiKeyStore(service.stack.connection).create("metrics", ("admin",))
    told = requests.get(
        f"{service.stack.url}/metrics", headers={"Authorization": f"Bearer {admin}"}, timeout=(5, 30)
    ).text
    counted = [line for line in told.splitlines() if "http_requests_total{" in line and "/heartbeat/" in line]
    assert 0 < sum(float(line.rpartition(" ")[2]) for line in counted) <= len(CASES), counted


def test_a_job_outlives_the_process_that_its_client_waits_at(service: Service, picture: Path) -> None:
    prompts = [f"interrupted {mark(version)}" for version in VERSIONS]
    pauses = Pauses(service.stack.connection)
    pauses.pause(PAINTER)
    running = [python(service, version, picture, "interrupted") for version in VERSIONS]
    eventually(lambda: all(service.jobs(prompt) for prompt in prompts), "both wait", within=60)
    web = service.stack.processes[-1].popen.pid
    serving = subprocess.run(["pgrep", "-P", str(web)], capture_output=True, text=True, check=True).stdout.split()
    for pid in serving:
        os.kill(int(pid), signal.SIGKILL)
    # They lose their view: a client notices, or waits as long as it was told to.
    for program in running:
        assert program.found()["interrupted"]["class"] in {"CancelledError", "TimeoutError"}
    pauses.resume(PAINTER)
    eventually(
        lambda: [job["status"] for prompt in prompts for job in service.jobs(prompt)] == ["succeeded"] * 2,
        "the jobs are made all the same",
        within=60,
    )
    assert [len(service.calls(prompt)) for prompt in prompts] == [1, 1]


def test_the_programs_on_the_page_make_pictures(service: Service, tmp_path: Path) -> None:
    environments.require("client-gradio-2")
    (text,) = blocks(HOW_TO / "use-gradio-clients.md", "python")
    (tmp_path / "lighthouse.py").write_text(text)
    program = [str(environments.interpreter("client-gradio-2")), "lighthouse.py"]
    printed = run(
        program,
        tmp_path,
        service.stack.url,
        DARKROOM_API_KEY=service.key,
        HOME=str(tmp_path),
        GRADIO_ANALYTICS_ENABLED="False",
    ).splitlines()[-1]
    (job,) = service.jobs("a lighthouse at dusk")
    path, _, seed = printed.rpartition(" ")
    assert (size(path), int(seed)) == ((512, 512), job["outputs"][0]["seed"])
    told = run_commands(HOW_TO / "use-gradio-clients.md", tmp_path, service.stack.url, DARKROOM_API_KEY=service.key)
    assert "event: complete\n" in told
    assert len(service.jobs("a lighthouse by curl")) == 1
