"""What a running ``darkroom up`` leaves for other commands: the lock of its data directory, and its addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.errors import InUse
from settings import Bind


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Addresses of a running service. ``redis_url`` contains a password, so only the owner can read the file."""

    pid: int
    url: str
    flower_url: str
    redis_url: str


def write(path: Path, runtime: Runtime) -> None:
    """Write the addresses to a file that only its owner can read."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(runtime), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Runtime | None:
    """The addresses of the running service; None if no service runs."""
    try:
        runtime = Runtime(**json.loads(path.read_text(encoding="utf-8")))
        os.kill(runtime.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return runtime


def reachable(bind: Bind) -> str:
    """The URL by which this machine reaches a server that listens on ``bind``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind.host, bind.host)  # noqa: S104 - compared, not bound
    return f"http://{Bind(host, bind.port)}"


@contextlib.contextmanager
def lock(data_dir: Path) -> Iterator[None]:
    """Own a data directory during the block.

    Raises:
        InUse: Another process owns it.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(
                f"another darkroom already runs on {data_dir}; stop it, or set DARKROOM_DATA_DIR to another directory"
            ) from None
        yield
