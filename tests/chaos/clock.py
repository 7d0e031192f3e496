"""The wall clocks of processes, to be moved while they run."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class Clock:
    """A clock for programs that are started with :attr:`environ`.

    Args:
        folder: For its files.
        compiler: A C compiler.
    """

    def __init__(self, folder: Path, compiler: str) -> None:
        library, self._file = folder / "clock.so", folder / "clock"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
        self._file.write_bytes(bytes(mmap.PAGESIZE))
        #: Environment variables.
        self.environ = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """Let it go ahead of the true time by so much, from now on."""
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as page:
            page[:8] = struct.pack("=q", seconds)


def compiler() -> str | None:
    """A C compiler, where there is one."""
    return shutil.which("cc") or shutil.which("gcc")
