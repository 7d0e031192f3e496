"""``darkroom up`` as a user meets it: real processes from start to end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from cli.stack.redis_server import free_port
from cli.stack.service import is_taken
from settings import Bind
from tests.spaces import launcher
from tests.spaces.launcher import Spaces
from tests.support.eventually import eventually
from tests.support.installation import Installation

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    darkroom = Installation(tmp_path_factory.mktemp("up") / "data dir").ready()
    yield darkroom
    darkroom.close()


def test_it_says_once_that_it_is_ready_and_then_is(up: Installation) -> None:
    assert requests.get(f"{up.url}/readyz", timeout=10).status_code == 200
    assert sum("darkroom ready on" in line for line in up.output) == 1


def test_a_command_in_another_terminal_finds_it(up: Installation, tmp_path: Path) -> None:
    picture = tmp_path / "out.png"
    done = up.cli(
        "generate",
        "a lighthouse",
        "--model",
        "echo",
        "-o",
        str(picture),
        "--param",
        'script=["progress 3", "preview", "image"]',
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"saved {picture}\n"
    with Image.open(picture) as image:
        assert image.format == "PNG"
        image.load()
    assert "succeeded" in up.cli("jobs").stdout
    assert "echo" in up.cli("models").stdout
    assert "echo" in up.cli("providers").stdout


def test_a_job_that_fails_says_why(up: Installation) -> None:
    done = up.cli("generate", "x", "--model", "echo", "--param", 'script=["fail content_rejected not such a picture"]')
    assert done.returncode == 1
    assert "content_rejected" in done.stderr
    assert "not such a picture" in done.stderr


def test_wrong_input_is_refused_with_the_place(up: Installation) -> None:
    done = up.cli("generate", "x", "--model", "echo", "--param", "nosuch=1")
    assert done.returncode == 1
    assert "/input/nosuch" in done.stderr


def test_a_job_can_be_left_watched_and_cancelled(up: Installation) -> None:
    job_id = up.cli("generate", "x", "--model", "echo", "--no-wait", "--param", 'script=["wait 60s"]').stdout.strip()
    assert up.cli("cancel", job_id).returncode == 0
    watched = up.cli("watch", job_id, "--json")
    assert watched.returncode == 1
    assert json.loads(watched.stdout)["status"] == "canceled"


def test_flower_asks_for_the_password_and_shows_the_worker(up: Installation) -> None:
    password = up.line(r"Flower +\S+ +user darkroom, password (\S+)")[1]
    assert requests.get(up.flower_url, timeout=10).status_code == 401
    me = ("darkroom", password)

    def workers() -> dict[str, object]:
        answer: dict[str, object] = requests.get(f"{up.flower_url}/api/workers?refresh=1", auth=me, timeout=30).json()
        return answer

    eventually(lambda: len(workers()) == 1)
    name = next(iter(workers()))
    assert requests.post(f"{up.flower_url}/api/worker/shutdown/{name}", auth=me, timeout=10).status_code == 403


def models(up: Installation) -> set[str]:
    return {entry["id"] for entry in requests.get(f"{up.url}/v1/models", timeout=10).json()["data"]}


def test_an_app_that_is_added_while_it_runs_serves_jobs_without_a_restart(up: Installation, spaces: Spaces) -> None:
    space = spaces.get("6", "releases.py", RELEASE="1")
    done = up.cli("providers", "add", space.url, "--name", "new-app")
    assert done.returncode == 0, done.stderr
    eventually(lambda: "new-app" in models(up), within=20)
    made = up.cli("generate", "a fox", "--model", "new-app", "-o", str(up.data_dir / "new.webp"))
    assert made.returncode == 0, made.stderr
    # A wrong file changes nothing, and the reason is told.
    path = up.data_dir / "providers.toml"
    right = path.read_text()
    path.write_text(right + "\n[providers.new-app]\n")
    eventually(lambda: sum("is not taken" in line for line in up.output) >= 3, within=20)
    assert "new-app" in models(up)

    def told() -> str:
        checks = requests.get(f"{up.url}/v1/admin/provider-checks?provider=echo", timeout=30).json()
        return str(checks.get("problem", ""))

    # Each web process looks at the file for itself.
    eventually(lambda: str(path) in told(), within=20)
    assert up.cli("providers", "check").returncode == 1
    assert up.cli("generate", "a fox", "--model", "new-app", "-o", str(up.data_dir / "new.webp")).returncode == 0
    path.write_text(right)
    assert up.cli("providers", "check").returncode == 0
    # The same over HTTP, and gone again.
    body = {"app": space.url, "function": "/grid", "name": "over-http"}
    shown = requests.post(f"{up.url}/v1/admin/provider-previews", json=body, timeout=30)
    assert shown.status_code == 200, shown.text
    assert {one["name"] for one in shown.json()["functions"]} == {"/infer", "/grid"}
    added = requests.post(f"{up.url}/v1/admin/providers", json=body, timeout=30)
    assert (added.status_code, added.json()["toml"]) == (201, shown.json()["toml"])
    assert up.cli("generate", "a fox", "--model", "over-http", "-o", str(up.data_dir / "new.webp")).returncode == 0
    path.unlink()
    eventually(lambda: not {"new-app", "over-http"} & models(up), within=20)


@pytest.mark.soak
def test_a_job_behind_a_front_that_ends_each_answer_runs_twice_and_not_three_times(
    up: Installation, spaces: Spaces
) -> None:
    space, port = spaces.get("6", "silent.py"), free_port()
    command = [sys.executable, str(launcher.FOLDER / "front.py"), "limit", space.url, str(port)]
    with subprocess.Popen(command, env={**os.environ, "LIMIT": "3"}) as front:
        try:
            eventually(lambda: is_taken(Bind("127.0.0.1", port)), within=20)
            assert up.cli("providers", "add", f"http://127.0.0.1:{port}", "--name", "cut").returncode == 0
            eventually(lambda: "cut" in models(up), within=20)
            done = up.cli("generate", "cut twice", "--model", "cut", "--param", "seconds=8")
        finally:
            front.kill()
    assert done.returncode == 1
    assert "the connection was cut after 3 s, as it was the last time" in done.stderr
    assert space.output.read_text(errors="replace").count("start cut twice") == 2


def test_a_second_one_on_the_same_data_is_refused(up: Installation) -> None:
    done = up.cli("up")
    assert done.returncode == 1
    assert "already runs on" in done.stderr


def test_a_taken_port_is_named(up: Installation, tmp_path: Path) -> None:
    other = Installation(tmp_path / "data", DARKROOM_BIND=up.environ["DARKROOM_BIND"])
    done = other.cli("up")
    assert done.returncode == 1
    assert up.environ["DARKROOM_BIND"] in done.stderr


def test_a_public_address_without_a_key_is_refused(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = Installation(tmp_path / "data", DARKROOM_BIND=f"0.0.0.0:{port}").cli("up")
    assert done.returncode == 1
    assert "keys create" in done.stderr


def test_a_wrong_configuration_is_said_at_once(tmp_path: Path) -> None:
    config = tmp_path / "providers.toml"
    config.write_text("[providers.echo]\nnosuch = 1\n")
    done = Installation(tmp_path / "data", DARKROOM_CONFIG=str(config)).cli("up")
    assert done.returncode == 1
    assert "nosuch" in done.stderr


@pytest.mark.parametrize("program", ["redis", "worker", "web", "scheduler", "flower"])
def test_what_dies_is_started_again_and_jobs_go_on(up: Installation, program: str) -> None:
    before = up.pid(program)
    submitted = up.cli("generate", "x", "--model", "echo", "--no-wait", "--param", 'script=["wait 1s", "image"]')
    assert submitted.returncode == 0, submitted.stderr
    os.kill(before, signal.SIGKILL)
    eventually(lambda: up.pid(program) != before)
    done = up.cli("watch", submitted.stdout.strip(), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
@pytest.mark.parametrize("victim", [pytest.param("up", marks=pytest.mark.soak), "supervisor"])
def test_even_sigkill_leaves_no_orphan(tmp_path: Path, victim: str) -> None:
    with contextlib.closing(Installation(tmp_path / "data").ready()) as darkroom:
        supervisor = int((darkroom.data_dir / "run" / "supervisord.pid").read_text())
        os.kill(darkroom.process.pid if victim == "up" else supervisor, signal.SIGKILL)
        assert darkroom.process.wait(timeout=60) == (-signal.SIGKILL if victim == "up" else 1)
        eventually(lambda: darkroom.leftovers() == [])
