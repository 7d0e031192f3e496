"""The output of several programs as one stream of whole lines, each with its program's name."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

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


class LogStream:
    """Reads one named pipe per program and passes each line to ``emit(name, line)``.

    The pipes are open for reading and writing, so that a program may restart
    without an end of file, and opening a pipe for writing never blocks.

    Args:
        folder: Folder of the pipes, ``<name>.log``.
        names: The programs.
        emit: Called in a thread of this object.
    """

    def __init__(self, folder: Path, names: Iterable[str], emit: Callable[[str, str], None]) -> None:
        self._emit = emit
        self._selector = selectors.DefaultSelector()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="logs", daemon=True)
        for name in names:
            path = self.path(folder, name)
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            self._selector.register(descriptor, selectors.EVENT_READ, (name, LineBuffer()))

    @staticmethod
    def path(folder: Path, name: str) -> Path:
        """The path of a program's pipe."""
        return folder / f"{name}.log"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read what is still in the pipes, then close them."""
        self._ending.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()

    def _pump(self) -> None:
        while True:
            ending = self._ending.is_set()  # asked before the read: what was written until then is not lost
            ready = self._selector.select(timeout=0 if ending else 0.2)
            for key, _ in ready:
                name, buffer = key.data
                for line in buffer.feed(os.read(key.fd, _CHUNK)):
                    self._emit(name, line)
            if ending and not ready:
                return
