"""Keeps a set of programs running, with supervisord.

supervisord starts them in order, restarts what dies, and stops them in the reverse order. It runs in the foreground as
our child; its own messages and the programs' output come back as one stream of lines.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.stack import tether
from cli.stack.logstream import LineBuffer, log_stream, pipe_of, say
from resilience import beside

#: A program that ends sooner, in seconds, counts as a failed start: supervisord then waits longer each time.
_SETTLE_SECONDS: Final = 2
#: Failed starts in a row until supervisord gives up: in effect never.
_RETRIES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to keep running.

    Args:
        order: Programs with a lower one start earlier and stop later; those with the same stop together.
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


def _groups(programs: Iterable[Program]) -> dict[int, list[str]]:
    """The names of the programs that have their order in common with others: supervisord stops one group at a time."""
    found: dict[int, list[str]] = {}
    for program in programs:
        found.setdefault(program.order, []).append(program.name)
    return {order: names for order, names in found.items() if len(names) > 1}


def render(programs: Sequence[Program], directory: Path) -> str:
    """Supervisord's configuration, for programs with this working directory.

    Its paths are relative, since an absolute one may contain characters with a meaning in the file. So supervisord must
    run in the folder of the pipes.
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
            f"stdout_logfile={pipe_of(Path(), program.name)}",
            "stdout_logfile_maxbytes=0",
        ]
    for order, names in sorted(_groups(programs).items()):
        lines += ["", f"[group:order-{order}]", f"programs={','.join(names)}", f"priority={order}"]
    return "\n".join(lines) + "\n"


@contextmanager
def supervised(
    programs: Iterable[Program],
    *,
    folder: Path,
    directory: Path,
    environ: Mapping[str, str],
    emit: Callable[[str, str], None],
) -> Iterator[subprocess.Popen[bytes]]:
    """Run programs during the block; gives the process of their supervisor.

    At the end all programs are stopped in order. A second interrupt kills what is left. Enter the block in the main
    thread: the kernel ties supervisord to the thread that started it.

    Args:
        programs: What to run.
        folder: A private directory for the configuration and the pipes.
        directory: The working directory of all programs.
        environ: Their environment.
        emit: Gets ``(program, line)`` for each line of output.
    """
    programs = tuple(programs)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "supervisord.conf"
    config.write_text(render(programs, directory), encoding="utf-8")
    supervisord = (sys.executable, "-P", "-m", "cli.stack.supervisord", "-c", config.name)
    with log_stream(folder, [program.name for program in programs], emit), ExitStack() as at_end:
        process = subprocess.Popen(
            tether.command(supervisord, directory=folder, signal_name="SIGTERM"),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process, which stops the programs in order
        )
        at_end.callback(beside("supervisor-log", lambda: _relay(process, emit)).join)
        at_end.callback(_stop, process)
        yield process


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    with ExitStack() as interrupted:
        interrupted.callback(process.wait)
        interrupted.callback(process.kill)  # the tethers take the programs with it
        process.wait()
        interrupted.pop_all()


def _relay(process: subprocess.Popen[bytes], emit: Callable[[str, str], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    buffer = LineBuffer()
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        for line in buffer.feed(chunk):
            say(emit, "supervisor", line)
    process.stdout.close()
