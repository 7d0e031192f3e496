"""The output of several programs as one stream of whole lines, each with its program's name."""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from resilience import beside, survive

log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 16
#: A longer line is cut, so that a program that prints no newline cannot fill the memory.
_LONGEST_LINE: Final = 1 << 16


class LineBuffer:
    """Cuts chunks of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Take a chunk; return the lines that are now complete, without their line ends."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


def pipe_of(folder: Path, name: str) -> Path:
    """The named pipe of a program."""
    return folder / f"{name}.log"


@contextmanager
def log_stream(folder: Path, names: Iterable[str], emit: Callable[[str, str], None]) -> Iterator[None]:
    """Read one named pipe per program during the block, and pass each line to ``emit(name, line)`` in a thread.

    The pipes are open for reading and writing, so that a program may restart without an end of file, and opening a pipe
    for writing never blocks. What is still in them at the end is read.
    """
    ending = threading.Event()
    with selectors.DefaultSelector() as selector, ExitStack() as at_end:
        for name in names:
            path = pipe_of(folder, name)
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            at_end.callback(os.close, descriptor)
            selector.register(descriptor, selectors.EVENT_READ, (name, LineBuffer()))
        at_end.callback(beside("logs", lambda: _pump(selector, ending, emit)).join)
        at_end.callback(ending.set)
        yield


def _pump(selector: selectors.BaseSelector, ending: threading.Event, emit: Callable[[str, str], None]) -> None:
    while True:
        is_last = ending.is_set()  # asked before the read: what was written until then is not lost
        ready = selector.select(timeout=0 if is_last else 0.2)
        for key, _ in ready:
            name, buffer = key.data
            for line in buffer.feed(os.read(key.fd, _CHUNK)):
                say(emit, name, line)
        if is_last and not ready:
            return


def say(emit: Callable[[str, str], None], name: str, line: str) -> None:
    """Pass a line on. One that cannot be shown is lost alone: a program whose pipe nobody reads would stand still."""
    with survive(log, "a line of output was lost", expected=(OSError, ValueError)):
        emit(name, line)
