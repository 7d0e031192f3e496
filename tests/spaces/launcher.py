"""Starts real Gradio apps for tests: by Gradio line and file, once per test session.

The apps of a line are forked from one process, which has imported Gradio (:mod:`tests.spaces.start`). Between the modules
that use them they are paused: a test session has twenty and more.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from cli.stack.redis_server import free_port
from tests.spaces import environments

FOLDER = Path(__file__).parent
_START_SECONDS = 120.0
_END_SECONDS = 10.0
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "GRADIO_SERVER_NAME": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
    # A fork must not lose a thread.
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class AppProcess:
    """The process of an app. It is no child of ours: its parent forgets it when it ends."""

    pid: int

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.signal(0)

    def signal(self, number: int) -> bool:
        """Send a signal. Returns whether there was somebody to get it."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        ends = time.monotonic() + _END_SECONDS
        while self.alive:
            assert time.monotonic() < ends, f"process {self.pid} does not end"
            time.sleep(0.01)


class Forker:
    """The process that the apps of one Gradio line are forked from.

    Args:
        line: The Gradio line; its environment must exist.
        folder: What it says goes to a file in it.
    """

    def __init__(self, line: str, folder: Path) -> None:
        self._output = folder / f"gradio-{line}.txt"
        with self._output.open("wb") as errors:
            self._popen = subprocess.Popen(
                [environments.interpreter(line), FOLDER / "start.py"],
                cwd=folder,
                env=_environ(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def start(self, app: Path, folder: Path, environ: Mapping[str, str], output: Path) -> AppProcess:
        """Start an app."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        wanted = {"app": str(app), "folder": str(folder), "environ": dict(environ), "output": str(output)}
        self._popen.stdin.write(json.dumps(wanted) + "\n")
        self._popen.stdin.flush()
        pid = self._popen.stdout.readline()
        assert pid, f"no app can be started:\n{self._output.read_text(errors='replace')[-4000:]}"
        return AppProcess(int(pid))

    def close(self) -> None:
        """End it and its apps."""
        self._popen.communicate()


def _environ(folder: Path) -> dict[str, str]:
    """The environment of an app. Nothing of ours gets in: no proxy, no path, no packages of the tests."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder), **_QUIET}


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
    process: AppProcess
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
            if not self.process.alive or time.monotonic() > ends:
                self.stop()
                raise AssertionError(f"the app did not start:\n{self.output.read_text(errors='replace')[-4000:]}")
            try:
                self._status = requests.get(f"{self.url}/config", timeout=5).status_code
                self.ready = self._status in {200, 401}
            except requests.RequestException:
                time.sleep(0.1)
        return self

    def pause(self) -> None:
        """Let it rest until it is needed again."""
        self.process.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it work."""
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()


@dataclass(slots=True)
class Spaces:
    """Starts apps and ends them with the test session."""

    folder: Path
    _shared: dict[object, Space] = field(default_factory=dict)
    _own: list[Space] = field(default_factory=list)
    _forkers: dict[str, Forker] = field(default_factory=dict)
    _count: int = 0

    def get(self, line: str, app: str = "generic.py", **settings: str) -> Space:
        """The app, shared by the session; started where it does not run."""
        key = (line, app, tuple(sorted(settings.items())))
        space = self._shared.get(key)
        if space is None or not space.process.alive:
            space = self._shared[key] = self._start(line, app, None, settings)
        space.go_on()
        return space.wait()

    def start(self, line: str, app: str = "generic.py", *, port: int | None = None, **settings: str) -> Space:
        """An app of one's own, not waited for.

        Args:
            line: Gradio line; its environment must exist.
            app: File in this folder, or an absolute path.
            port: To listen on; a free one where it is not given.
            settings: Environment variables.
        """
        space = self._start(line, app, port, settings)
        self._own.append(space)
        return space

    def rest(self) -> None:
        """End those that were started for one module, and pause the shared ones."""
        for space in self._own:
            space.stop()
        self._own.clear()
        for space in self._shared.values():
            space.pause()

    def close(self) -> None:
        """End all."""
        for forker in self._forkers.values():
            forker.close()

    def _start(self, line: str, app: str, port: int | None, settings: Mapping[str, str]) -> Space:
        environments.require(line)
        if line not in self._forkers:
            self._forkers[line] = Forker(line, self.folder)
        self._count += 1
        port = port or free_port()
        log, output = self.folder / f"{self._count}.jsonl", self.folder / f"{self._count}.txt"
        environ = {**_environ(self.folder), "GRADIO_SERVER_PORT": str(port), "SPACE_LOG": str(log), **settings}
        process = self._forkers[line].start(FOLDER / app, self.folder, environ, output)
        return Space(line, f"http://127.0.0.1:{port}", process, log, output)


def lines(*always: str) -> list[object]:
    """Parameters for all tested lines: the newest one and ``always`` in each run, the others in the long one."""
    in_each = {*always, environments.TESTED[-1]}
    return [pytest.param(line, marks=() if line in in_each else pytest.mark.soak) for line in environments.TESTED]


@pytest.fixture(scope="session")
def all_spaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spaces]:
    """All apps of the test session; see :func:`spaces`."""
    started = Spaces(tmp_path_factory.mktemp("spaces"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def spaces(all_spaces: Spaces) -> Iterator[Spaces]:
    """Real Gradio apps by line and file; see :meth:`Spaces.get`."""
    yield all_spaces
    all_spaces.rest()
