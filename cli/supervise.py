"""Keeps a set of programs running, by supervisord.

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

from cli import tether
from cli.logstream import LineBuffer, LogStream

#: Seconds that a program must live before its start counts as one; below it supervisord waits longer each time.
_SETTLE_SECONDS: Final = 2
#: supervisord gives up after so many failed starts in a row; in effect never.
_RETRIES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to keep running.

    ``order``: lower starts earlier and stops later. ``stop_seconds``: how
    long it may take to end after SIGTERM before SIGKILL. ``lock``: a file it
    holds locked while it lives.
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

    It names its files by relative paths, since an absolute one may hold
    characters that mean something there: run it in the folder of the pipes.

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
        lines.append(f"user={getpass.getuser()}")  # says that running as root is meant; it warns otherwise
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
    """The programs, running while the ``with`` block does.

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
            start_new_session=True,  # Ctrl-C reaches us alone; we stop it in good order
        )
        own = threading.Thread(target=self._relay, name="supervisor-log", daemon=True)
        own.start()
        self._open.callback(own.join)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all programs in order; a second interrupt kills what is left."""
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
