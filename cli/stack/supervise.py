"""Keeps a set of programs running, with supervisord.

supervisord starts them in order, restarts what dies, and stops them in the
reverse order. It runs in the foreground as our child; its own messages and
the programs' output come back as one stream of lines.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cli.stack import tether
from cli.stack.logstream import LineBuffer, LogStream

#: A program that ends sooner, in seconds, counts as a failed start: supervisord then waits longer each time.
_SETTLE_SECONDS: Final = 2
#: Failed starts in a row until supervisord gives up: in effect never.
_RETRIES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to keep running.

    Args:
        order: Programs with a lower one start earlier and stop later.
        stop_seconds: Seconds between SIGTERM and SIGKILL.
        lock: A file that the program locks while it runs.
    """

    name: str
    argv: tuple[str, ...]
    order: int
    stop_seconds: int = 10
    lock: Path | None = None


def _command(program: Program, directory: Path) -> str:
    argv = tether.command(program.argv, directory=directory, lock=program.lock)
    line = shlex.join(argv).replace("%", "%%")  # supervisord expands %(...)s
    return re.sub(r"(?<=\s)(?=[#;])", "''", line)  # and cuts a value at " #" and " ;", also within quotes


def render(programs: Iterable[Program], directory: Path) -> str:
    """Write supervisord's configuration.

    Its paths are relative, since an absolute one may contain characters with
    a meaning in the file. So supervisord must run in the folder of the pipes.

    Args:
        programs: What to run.
        directory: The working directory of all programs.
    """
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "logfile=/dev/null",
        "logfile_maxbytes=0",
        "pidfile=supervisord.pid",
        "childlogdir=.",
    ]
    if os.geteuid() == 0:
        lines.append(f"user={getpass.getuser()}")  # otherwise it warns about running as root
    for program in programs:
        lines += [
            "",
            f"[program:{program.name}]",
            f"command={_command(program, directory)}",
            f"priority={program.order}",
            "autorestart=true",
            f"startsecs={_SETTLE_SECONDS}",
            f"startretries={_RETRIES}",
            f"stopwaitsecs={program.stop_seconds}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={LogStream.path(Path(), program.name)}",
            "stdout_logfile_maxbytes=0",
        ]
    return "\n".join(lines) + "\n"


class Supervised:
    """Runs programs during a ``with`` block.

    Enter it in the main thread: the kernel ties supervisord to the thread
    that started it.

    Args:
        programs: What to run.
        folder: A private directory for the configuration and the pipes.
        directory: The working directory of all programs.
        environ: Their environment.
        emit: Gets ``(program, line)`` for each line of output.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        folder: Path,
        directory: Path,
        environ: Mapping[str, str],
        emit: Callable[[str, str], None],
    ) -> None:
        self._programs = tuple(programs)
        self._folder = folder
        self._directory = directory
        self._environ = environ
        self._emit = emit
        self._open = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self._folder / "supervisord.conf"
        config.write_text(render(self._programs, self._directory), encoding="utf-8")
        self._open.enter_context(LogStream(self._folder, [p.name for p in self._programs], self._emit))
        supervisord = (sys.executable, "-P", "-m", "supervisor.supervisord", "-c", config.name)
        self._process = subprocess.Popen(
            tether.command(supervisord, directory=self._folder, signal_name="SIGTERM"),
            cwd=self._folder,
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the programs in order
        )
        own = threading.Thread(target=self._relay, name="supervisor-log", daemon=True)
        own.start()
        self._open.callback(own.join)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all programs in order. A second interrupt kills what is left."""
        try:
            self._stop()
        finally:
            self._open.close()

    @property
    def running(self) -> bool:
        """Whether the supervisor itself is alive."""
        return self._process is not None and self._process.poll() is None

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        with ExitStack() as interrupted:
            interrupted.callback(process.wait)
            interrupted.callback(process.kill)  # the tethers take the programs with it
            process.wait()
            interrupted.pop_all()

    def _relay(self) -> None:
        assert self._process is not None  # noqa: S101 - set before the thread starts
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        buffer = LineBuffer()
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            for line in buffer.feed(chunk):
                self._emit("supervisor", line)
        self._process.stdout.close()
