"""Starts real Gradio apps for tests: by Gradio line and file, once per test session."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from cli.stack.redis_server import free_port
from tests.spaces import environments

FOLDER = Path(__file__).parent
_START_SECONDS = 120.0
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "GRADIO_SERVER_NAME": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(slots=True)
class Space:
    """A running app.

    Args:
        line: Its Gradio line, such as ``5.50``.
        url: Its address.
        process: It.
        log: What its functions noted, one JSON object per line.
        output: What it printed.
    """

    line: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    output: Path
    ready: bool = False
    _status: int = 0

    @property
    def has_login(self) -> bool:
        """Whether it lets nobody in without one (once it answers)."""
        return self._status == 401

    def notes(self, text: str | None = None) -> list[dict[str, object]]:
        """What its functions noted so far; only about ``text`` where it is given."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines]
        return [note for note in found if text is None or note.get("text") == text]

    def wait(self) -> Space:
        """Wait until it answers."""
        ends = time.monotonic() + _START_SECONDS
        while not self.ready:
            if self.process.poll() is not None or time.monotonic() > ends:
                self.stop()
                raise AssertionError(f"the app did not start:\n{self.output.read_text(errors='replace')[-4000:]}")
            try:
                self._status = requests.get(f"{self.url}/config", timeout=5).status_code
                self.ready = self._status in {200, 401}
            except requests.RequestException:
                time.sleep(0.1)
        return self

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@dataclass(slots=True)
class Spaces:
    """Starts apps and ends them with the test session."""

    folder: Path
    _running: dict[object, Space] = field(default_factory=dict)
    _count: int = 0

    def get(self, line: str, app: str = "generic.py", **settings: str) -> Space:
        """The app, shared by the session; started where it does not run."""
        key = (line, app, tuple(sorted(settings.items())))
        space = self._running.get(key)
        if space is None or space.process.poll() is not None:
            space = self._running[key] = self.start(line, app, **settings)
        return space.wait()

    def start(self, line: str, app: str = "generic.py", *, port: int | None = None, **settings: str) -> Space:
        """An app of one's own, not waited for.

        Args:
            line: Gradio line; its environment must exist.
            app: File in this folder, or an absolute path.
            port: To listen on; a free one where it is not given.
            settings: Environment variables.
        """
        require(line)
        self._count += 1
        port = port or free_port()
        log, output = self.folder / f"{self._count}.jsonl", self.folder / f"{self._count}.txt"
        # Nothing of ours gets in: no proxy, no path, no packages of the tests.
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "TMPDIR": str(self.folder), **_QUIET}
        env |= {"GRADIO_SERVER_PORT": str(port), "SPACE_LOG": str(log), **settings}
        command = [environments.interpreter(line), FOLDER / app]
        with output.open("wb") as stream:
            process = subprocess.Popen(command, cwd=self.folder, env=env, stdout=stream, stderr=subprocess.STDOUT)
        space = Space(line, f"http://127.0.0.1:{port}", process, log, output)
        self._running[object()] = space
        return space

    def close(self) -> None:
        """End all."""
        for space in self._running.values():
            if space.process.poll() is None:
                space.stop()


def require(line: str) -> None:
    """Skip the test where the line's environment is missing; fail where the CI should have made it."""
    if environments.is_ready(line):
        return
    reason = f"no environment for Gradio {line}: ./run python tests/spaces/environments.py {line}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spaces]:
    """Real Gradio apps by line and file; see :meth:`Spaces.get`."""
    started = Spaces(tmp_path_factory.mktemp("spaces"))
    yield started
    started.close()
