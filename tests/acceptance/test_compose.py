"""docker-compose.yml on a real Docker Engine; run by ``./run compose-test``.

The engine is the one that ``DARKROOM_COMPOSE_ENGINE`` (a program with the
commands up, env and down) sets up, else the machine's own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.stack.redis_server import free_port

ROOT = Path(__file__).resolve().parents[2]
ENGINE = Path(os.environ.get("DARKROOM_COMPOSE_ENGINE") or ROOT.parent / "shared" / "tools" / "compose-engine")
NETNS = "compose-test"

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@dataclass
class Stack:
    """The stack of docker-compose.yml, and the ways to look at it."""

    folder: Path
    environ: dict[str, str]
    #: What a command needs before it to see the published ports.
    beside: tuple[str, ...] = ()

    def run(self, *command: str) -> str:
        """Run a command, show it, and give what it printed."""
        print("$", shlex.join(command), flush=True)
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def compose(self, *arguments: str) -> str:
        return self.run("docker", "compose", *arguments)

    def up(self) -> None:
        try:
            self.compose("up", "-d", "--build", "--wait", "--wait-timeout", "180")
        except AssertionError:
            print(self.compose("ps", "-a"), self.compose("logs", "--tail", "40"))
            raise

    def darkroom(self, *arguments: str) -> str:
        """The command line client against the published port."""
        url = f"http://127.0.0.1:{self.environ['DARKROOM_PORT']}"
        return self.run(*self.beside, sys.executable, "-P", "-m", "cli", *arguments, "--url", url)

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "-a", "-q", service).strip()
        facts: dict[str, Any] = json.loads(self.run("docker", "inspect", container))[0]
        return facts


def _missing(what: str) -> None:
    if os.environ.get("DARKROOM_COMPOSE_TEST"):
        pytest.exit(f"compose-test: {what}", returncode=3)
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def _engine() -> tuple[dict[str, str], tuple[str, ...]]:
    if ENGINE.exists() and os.geteuid() == 0:
        scratch = str(ROOT / ".engine")
        environ = {**os.environ, "REQS": str(ROOT / "requirements" / "runtime.txt")}
        subprocess.run([ENGINE, "up", scratch], cwd=ROOT, env=environ, check=True)
        exports = subprocess.run([ENGINE, "env", scratch], capture_output=True, text=True, check=True).stdout
        pairs = (word.partition("=")[::2] for word in shlex.split(exports) if "=" in word)
        return {**os.environ, **dict(pairs)}, ("ip", "netns", "exec", NETNS)
    if shutil.which("docker") is None:
        _missing(f"there is neither {ENGINE} (needs root) nor docker; install Docker Engine with Compose v2")
    for probe in (["docker", "version"], ["docker", "compose", "version"]):
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            _missing(f"`{' '.join(probe)}` fails: a running Docker Engine with Compose v2 is needed")
    return dict(os.environ), ()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environ, beside = _engine()
    ours = {"COMPOSE_PROJECT_NAME": "darkroom-test", "DARKROOM_PORT": "18000", "DARKROOM_FLOWER_PORT": "15555"}
    if not beside:
        ours |= {"DARKROOM_PORT": str(free_port()), "DARKROOM_FLOWER_PORT": str(free_port())}
    stack = Stack(folder=tmp_path_factory.mktemp("compose"), environ={**environ, **ours}, beside=beside)
    stack.compose("down", "-v", "--remove-orphans")
    try:
        stack.up()
        found = re.search(r"first API key: (\S+)", stack.compose("logs", "--no-log-prefix", "init"))
        assert found, "init printed no key"
        stack.environ["DARKROOM_API_KEY"] = found[1]
        yield stack
    finally:
        stack.compose("down", "-v")
        if beside:
            subprocess.run([ENGINE, "down", ROOT / ".engine"], cwd=ROOT, check=True)


def test_the_main_job_runs_with_the_key_that_init_printed(stack: Stack) -> None:
    picture = stack.folder / "first.webp"
    job = json.loads(
        stack.darkroom("generate", "a lighthouse", "--model", "echo", "--json", "-o", str(picture)).split("\nsaved")[0]
    )
    assert job["status"] == "succeeded"
    with Image.open(picture) as image:
        image.load()
        assert image.size == (job["outputs"][0]["width"], job["outputs"][0]["height"])


def test_without_a_key_nobody_gets_in(stack: Stack) -> None:
    refused = subprocess.run(
        [*stack.beside, sys.executable, "-P", "-m", "cli", "jobs", "--url", f"http://127.0.0.1:{stack.environ['DARKROOM_PORT']}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "keys create" in refused.stderr


def test_redis_asks_for_its_password(stack: Stack) -> None:
    assert "NOAUTH" in stack.compose("exec", "redis", "sh", "-c", "redis-cli get x 2>&1")


@pytest.mark.parametrize("service", ["redis", "web", "worker", "scheduler", "flower"])
def test_a_container_can_do_no_more_than_it_must(stack: Stack, service: str) -> None:
    facts = stack.inspect(service)
    assert int(facts["Config"]["User"].partition(":")[0]) >= 10_000
    host = facts["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not host["Privileged"]
    published = {p["HostIp"] for bound in (host["PortBindings"] or {}).values() for p in bound}
    assert published == {"web": {""}, "flower": {"127.0.0.1"}}.get(service, set())


def test_a_killed_worker_comes_back(stack: Stack) -> None:
    before = stack.inspect("worker")["RestartCount"]
    script = json.dumps(["progress 50", "wait 3s", "image"])
    submitted = stack.darkroom("generate", "x", "--model", "echo", "--no-wait", "--param", f"script={script}")
    os.kill(stack.inspect("worker")["State"]["Pid"], signal.SIGKILL)
    for _ in range(100):
        if stack.inspect("worker")["RestartCount"] > before:
            break
        time.sleep(0.2)
    assert stack.inspect("worker")["RestartCount"] == before + 1
    job = json.loads(stack.darkroom("watch", submitted.strip(), "--json"))
    assert job["status"] == "succeeded"


def test_data_survive_down_and_up(stack: Stack) -> None:
    kept = stack.folder / "kept.webp"
    job = json.loads(
        stack.darkroom("generate", "kept", "--model", "echo", "--json", "-o", str(kept)).split("\nsaved")[0]
    )
    stack.compose("down")
    stack.up()
    assert "made before" in stack.compose("logs", "init")
    again = stack.folder / "again.webp"
    stack.darkroom("watch", job["id"], "-o", str(again))
    assert again.read_bytes() == kept.read_bytes()
