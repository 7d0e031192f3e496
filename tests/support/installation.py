"""Starts ``darkroom up`` as a user does, and sees what is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

from cli.stack.redis_server import free_port

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 90.0


class Installation:
    """One service with a data directory and ports of its own.

    Args:
        data_dir: Its data.
        command: What to start.
        environ: More settings.
    """

    def __init__(self, data_dir: Path, *command: str, **environ: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.flower_url = f"http://127.0.0.1:{free_port()}"
        self.data_dir = data_dir
        self.environ = {
            **os.environ,
            "DARKROOM_BIND": self.url.removeprefix("http://"),
            "DARKROOM_FLOWER_BIND": self.flower_url.removeprefix("http://"),
            "DARKROOM_DATA_DIR": str(data_dir),
            "DARKROOM_REDIS_URL": "",
            "DARKROOM_HUB_URL": "",
            "DARKROOM_WORKER_CONCURRENCY": "32",
            **environ,
        }
        self._command = command or ("up",)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self.process: subprocess.Popen[str]

    def start(self) -> Installation:
        """Start it, not waiting."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", *self._command],
            cwd=self.data_dir.parent,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()

    @property
    def output(self) -> list[str]:
        """The lines that it has printed."""
        with self._changed:
            return list(self._lines)

    def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches, and give the match."""

        def find() -> re.Match[str] | None:
            return next((found for line in self._lines if (found := re.search(pattern, line))), None)

        with self._changed:
            self._changed.wait_for(lambda: find() or self.process.poll() is not None, timeout=_START_SECONDS)
            found = find()
        assert found, f"no line {pattern!r} in:\n" + "\n".join(self.output)
        return found

    def ready(self) -> Installation:
        """Start it and wait until it says that it is ready."""
        self.start()
        try:
            self.line(rf"^darkroom ready on {re.escape(self.url)}$")
        except BaseException:
            self.close()
            raise
        return self

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command with the same settings."""
        command = [sys.executable, "-P", "-m", "cli", *arguments]
        return subprocess.run(
            command, cwd=self.data_dir.parent, env=self.environ, capture_output=True, text=True, check=False
        )

    def pid(self, program: str) -> int:
        """The process that runs a program of the service now."""
        spawned = [line for line in self.output if f"spawned: '{program}' with pid " in line]
        return int(spawned[-1].rsplit(" ", 1)[1])

    def leftovers(self) -> list[str]:
        """Command lines of processes that belong to this data directory."""
        mark = f"DARKROOM_DATA_DIR={self.data_dir}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it has ended meanwhile, or is another user's
        return found

    @property
    def stop_order(self) -> list[str]:
        """The programs that were stopped, in order."""
        return [line.split("stopped: ")[1].split()[0] for line in self.output if "stopped: " in line]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal and give its status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=90)

    def close(self) -> None:
        """Leave nothing behind, however the test ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
