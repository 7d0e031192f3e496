"""Run a program that does not outlive its parent.

``python -m cli.stack.tether SIGNAL DIRECTORY LOCK PROGRAM ARGUMENTS...``

A supervisor that is killed with SIGKILL cannot stop what it started. Linux can: PR_SET_PDEATHSIG (prctl(2)) survives
the exec, so the kernel sends SIGNAL to the program when the parent dies. macOS has no such call; there the program keeps
its port or lock, and the next ``darkroom up`` says so.

The program runs in DIRECTORY. If LOCK is not empty, it is a file that the program locks while it runs. It starts only
when the lock is free, so two servers never write to one data directory.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1


def command(
    argv: tuple[str, ...], *, directory: Path, signal_name: str = "SIGKILL", lock: Path | None = None
) -> tuple[str, ...]:
    """The command line that runs ``argv`` tethered to the process that starts it."""
    held = str(lock) if lock else ""
    return (sys.executable, "-P", "-m", "cli.stack.tether", signal_name, str(directory), held, *argv)


def _die_with_parent(signum: int) -> None:
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # the parent died in between
        sys.exit(1)


def _hold(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the call's own signature


def main(arguments: list[str]) -> NoReturn:
    """Tether this process, then replace it with the program."""
    signal_name, directory, lock, *argv = arguments
    if lock:
        _hold(lock)
    _die_with_parent(signal.Signals[signal_name])
    os.chdir(directory)
    os.execvp(argv[0], argv)  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main(sys.argv[1:])
