"""What a running ``darkroom up`` leaves for other commands: the lock of its data directory, and its addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from cli.errors import InUse
from cli.stack import private_files
from settings import Bind

_LOCK: Final = "up.lock"
_MOMENT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Addresses of a running service. ``redis_url`` contains a password, so only the owner can read the file."""

    pid: int
    url: str
    flower_url: str
    redis_url: str


def write(path: Path, runtime: Runtime) -> None:
    """Write the addresses to a file that only its owner can read."""
    private_files.write(path, json.dumps(asdict(runtime), indent=1) + "\n")


def read(path: Path) -> Runtime | None:
    """The addresses of the running service; None if no service runs.

    The lock of the data directory tells whether one runs. What a service that was killed left here does not: its process
    id may be another program's by now.
    """
    try:
        with (path.parent / _LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Runtime(**json.loads(path.read_text(encoding="utf-8")))
    except OSError:
        # There is no such directory or lock, or they are another user's.
        return None
    return None


def reachable(bind: Bind) -> str:
    """The URL by which this machine reaches a server that listens on ``bind``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind.host, bind.host)  # noqa: S104 - compared, not bound
    return f"http://{Bind(host, bind.port)}"


@contextlib.contextmanager
def lock(data_dir: Path) -> Iterator[None]:
    """Own a data directory during the block. What an owner that was killed left in ``runtime.json`` is removed.

    Raises:
        InUse: Another process owns it.
        OSError: It cannot be made or used.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / _LOCK).open("wb") as file:
        if not _acquired(file):
            raise InUse(
                f"another darkroom already runs on {data_dir}; stop it, or set DARKROOM_DATA_DIR to another directory"
            )
        (data_dir / "runtime.json").unlink(missing_ok=True)
        yield


def _acquired(file: IO[bytes]) -> bool:
    """Lock the file; who only looks (:func:`read`) holds it for less than a moment."""
    ends = time.monotonic() + _MOMENT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                return False
            time.sleep(0.02)
        else:
            return True
