"""Programs of the service, each of which may be harmed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cli.stack import tether
from tests.support.processes import ROOT, Process, Stack

_ASK: Final = "import json; from cli.stack import programs as p; print(json.dumps([p.WEB, p.WORKER, p.SCHEDULER]))"


@functools.cache
def _programs(root: Path) -> dict[str, tuple[str, ...]]:
    """The command lines of the programs as the checkout at ``root`` starts them."""
    asked = [sys.executable, "-P", "-c", _ASK]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(asked, cwd=root, env=environ, capture_output=True, text=True, check=True)
    return dict(zip(("WEB", "WORKER", "SCHEDULER"), map(tuple, json.loads(done.stdout)), strict=True))


@dataclass(slots=True)
class Part:
    """A program of the service that may be killed, paused and started again.

    Args:
        stack: The stack that starts it.
        name: Its log is named so.
        program: Its name in :mod:`cli.stack.programs`, such as ``WORKER``.
        environ: Its own environment variables.
        whole: Whether a kill takes the processes that it started, too.
        around: Makes the command line that runs it.
        root: The checkout whose code it runs: another version has another one.
    """

    stack: Stack
    name: str
    program: str
    environ: dict[str, str] = field(default_factory=dict)
    whole: bool = False
    around: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None
    root: Path = ROOT
    process: Process | None = None

    def start(self, **more: str) -> None:
        """Start it; ``more`` are environment variables of this life only."""
        assert not self.alive, f"{self.name} runs already"
        if self.root != ROOT:
            more["PYTHONPATH"] = str(self.root)
        # So that it ends even where the tests themselves are killed.
        command = tether.command(self._argv(), directory=self.root)
        command = command if self.around is None else self.around(command)
        self.process = self.stack.start(self.name, command, **self.environ, **more)

    def _argv(self) -> tuple[str, ...]:
        argv = _programs(self.root)[self.program]
        if self.program != "WORKER":
            return argv
        # An earlier version's worker is Celery's own command.
        return (*argv, "-n", f"{self.name}@%h") if "celery" in argv else (*argv, self.name)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.alive

    @property
    def ready(self) -> bool:
        """Whether it is a worker that takes jobs."""
        return self.alive and self.process is not None and "worker ready" in self.process.output

    def signal(self, signum: int) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.alive:
            self.process.popen.send_signal(signum)

    def pause(self) -> None:
        """Stop it, as a long garbage collection or a sleeping machine would."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after :meth:`pause`."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is None:
            return
        children = self.children() if self.whole else []
        self.process.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def children(self) -> list[int]:
        """The processes that it started (Linux only; elsewhere none are found)."""
        if self.process is None:
            return []
        pid = self.process.popen.pid
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        except OSError:
            return []
