"""The whole service in pieces that can be harmed one by one: Redis, web, workers, schedulers, a real Gradio app, and the lines between.

Workers and schedulers reach Redis through one proxy, web processes through
another, and workers reach the app through a third. Everything listens on
127.0.0.1, and everything ends with the tests.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import redis
import requests
from kombu.exceptions import OperationalError

from cli.stack.redis_server import free_port
from jobs.record.job_queue import JobQueue
from jobs.record.messages import QUEUE
from jobs.record.store import JobStore
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from tests.chaos.history import Upstream, upstream_lines
from tests.chaos.hooks import Hooks
from tests.chaos.parts import Part
from tests.chaos.poison import POISON_MESSAGES
from tests.chaos.proxy import Proxy
from tests.chaos.resolver import BROKEN, GONE, SILENT, Resolver
from tests.chaos.resolver import missing as no_resolver
from tests.chaos.waiting import eventually
from tests.spaces.launcher import Space, Spaces
from tests.support.celery_client import client_app, send
from tests.support.processes import Stack

#: Short, so that a fault can outlast it.
LEASE_SECONDS: Final = 3
#: So often files are looked for that belong to no job.
SWEEP_SECONDS: Final = 4
#: The provider and model that jobs ask for, and those for special cases: a model that two providers serve, of which the
#: first soon counts as slow; one whose jobs shall harm their worker, one that gets little time, one where nobody
#: listens, and one that speaks no TLS though it should.
PAINTER: Final = "painter"
PAIR: Final = ("pair", "pair-b")
POISON: Final = "poison"
HASTY: Final = "hasty"
CLOSED: Final = "closed"
NO_TLS: Final = "no-tls"
#: Those whose hosts cannot be looked up, by the host.
LOST: Final = {"gone": GONE, "broken": BROKEN, "silent": SILENT}

#: Size of Redis' own disk.
DISK_BYTES: Final = 512 << 20
#: The file that fills one.
FILLER: Final = ".filler"
#: Of the disk of the files: results of a run are small.
FILES_DISK_BYTES: Final = 96 << 20

_EGRESS: Final = """
[egress]
allow = ["127.0.0.0/8"]
"""

_PROVIDER: Final = """
[providers.{name}]
driver = "space"
url = "{url}"
space = ""
api_name = "/draw"
models = ["{model}"]
style = "{style}"
concurrency = {concurrency}
timeout_seconds = {timeout}

[providers.{name}.parameters]
prompt = ""
steps = 3
seconds = 0.2
"""


def _quick(record: health.Health, at: float) -> health.Health:
    """As if the provider had been quick up to now: its next jobs are hedged after a second."""
    for _ in range(health.SAMPLES):
        record = health.succeeded(record, 0.0, 0.3, at)
    return record


class Deployment:
    """The service. Use it in a ``with`` statement.

    Args:
        folder: Empty; everything is kept there.
        spaces: Starts the app.
        workers: How many worker processes.
        slots: Jobs at once in each.
        style: How the app is called, ``call`` or ``join``.
        concurrency: Jobs at once at the app.
        timeout: Seconds for one attempt.
        own_machine: Whether it gets a disk for Redis alone, which can be filled, and a resolver, which can fail, where
            this machine allows that.
        disks: Whether Redis and the files get a disk each, where this machine allows that.
    """

    def __init__(
        self,
        folder: Path,
        spaces: Spaces,
        *,
        workers: int = 3,
        slots: int = 8,
        style: str = "call",
        concurrency: int = 64,
        timeout: float = 60.0,
        own_machine: bool = False,
        disks: bool = False,
    ) -> None:
        self.folder = folder
        self._spaces = spaces
        self._ends = ExitStack()
        self._space: Space | None = None
        self._space_port = free_port()
        self.posts = folder / "upstream.jsonl"
        config = folder / "darkroom.toml"
        self.stack = Stack(
            folder,
            lease_seconds=LEASE_SECONDS,
            environ={
                "DARKROOM_CONFIG": str(config),
                "DARKROOM_TEST_MODE": "on",
                "DARKROOM_WORKER_CONCURRENCY": str(slots),
                "DARKROOM_SWEEP_SECONDS": str(SWEEP_SECONDS),
            },
        )
        self._own_machine, self._disks = own_machine, disks
        self.redis = self.stack.redis
        self.redis_line, self.client_line = Proxy(self.redis.port), Proxy(self.redis.port)
        self.upstream_line = Proxy(self._space_port)
        self._config, self._options = config, {"style": style, "concurrency": concurrency}
        self._timeout = timeout
        self._mood = folder / "mood.json"
        self.workers = [Part(self.stack, f"worker-{number}", "WORKER") for number in range(workers)]
        self.schedulers = [Part(self.stack, f"scheduler-{number}", "SCHEDULER") for number in range(2)]
        # What answers requests would go on to do so for a while, on the port that the next one needs.
        self.web = Part(self.stack, "web", "WEB", whole=True)
        #: Where names are looked up, and the disks of Redis and of the files; None where this machine allows no such thing.
        self.resolver: Resolver | None = None
        self.disk: Path | None = None
        self.files_disk: Path | None = None

    def __enter__(self) -> Self:
        with self._ends:
            self._ends.callback(self._end_orphans)
            self._ends.callback(self.kill_upstream)
            self.start_upstream(wait=False)
            for line in (self.redis_line, self.client_line, self.upstream_line):
                self._ends.enter_context(line)
            if self._own_machine:
                self._settle_in()
            elif self._disks and not no_mounts():
                self.disk = self._mount(self.folder / "redis", DISK_BYTES)
                self.files_disk = self._mount(self.folder / "data" / "artifacts", FILES_DISK_BYTES)
            self._config.write_text(self._tables(), encoding="utf-8")
            self.stack.environ["DARKROOM_REDIS_URL"] = f"redis://127.0.0.1:{self.redis_line.port}/0"
            self.web.environ["DARKROOM_REDIS_URL"] = f"redis://127.0.0.1:{self.client_line.port}/0"
            self._ends.enter_context(self.stack)
            key_file = self.folder / "data" / "secret.key"
            self.hooks = self._ends.enter_context(Hooks(self.stack.connection, key_file))
            assert self._space is not None
            self._space.wait()
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _settle_in(self) -> None:
        if not no_resolver():
            self.resolver = self._ends.enter_context(Resolver(self.folder))
            for part in (*self.workers, *self.schedulers):
                part.around = self.resolver.around
        if not no_mounts():
            self.disk = self._mount(self.folder / "redis", DISK_BYTES)

    def _mount(self, folder: Path, size: int) -> Path:
        """A disk of its own for a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        self._ends.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        return folder

    def _end_orphans(self) -> None:
        """End the processes that workers of this deployment started and that outlived them (a suspect's own process)."""
        mark = f"DARKROOM_DATA_DIR={self.folder / 'data'}\0".encode()
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in environ.read_bytes():
                    os.kill(int(environ.parent.name), signal.SIGKILL)

    def _tables(self) -> str:
        app = f"http://127.0.0.1:{self.upstream_line.port}"
        addresses = {
            PAINTER: (app, self._timeout),
            **dict.fromkeys(PAIR, (app, self._timeout)),
            POISON: (app, self._timeout),
            HASTY: (app, 4),
            CLOSED: (f"http://127.0.0.1:{free_port()}", 4),
            NO_TLS: (app.replace("http:", "https:"), 4),
        }
        addresses |= {name: (f"http://{host}", 4) for name, host in LOST.items()}
        return _EGRESS + "".join(
            _PROVIDER.format(
                name=name, url=url, timeout=timeout, model=PAIR[0] if name in PAIR else name, **self._options
            )
            for name, (url, timeout) in addresses.items()
        )

    @property
    def store(self) -> JobStore:
        """The truth, past all proxies: for watching and for the end."""
        return self.stack.store

    @property
    def queue(self) -> JobQueue:
        """The queue, past all proxies."""
        return self.stack.queue

    def start(self, workers: int | None = None) -> None:
        """Start web, schedulers, and so many workers (all of them), and wait until they are ready."""
        wanted = self.workers[:workers]
        self.web.start()
        for part in (*self.schedulers, *wanted):
            part.start()
        eventually(lambda: len(self.queue.overview().workers) >= len(wanted), "the workers are ready", within=180)
        self.wait_for_web()
        HealthStore(self.stack.connection).update(PAIR[0], _quick)

    def wait_for_web(self) -> None:
        """Wait until the API answers."""

        def healthy() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{self.stack.url}/healthz", timeout=2).ok
            return False

        eventually(healthy, "the web process is healthy", within=180)

    # -- the app -----------------------------------------------------------------

    def start_upstream(self, *, wait: bool = True) -> None:
        """Start the app, always on the same port and with the same log."""
        files = {"SPACE_LOG": str(self.posts), "SPACE_MOOD": str(self._mood)}
        self._space = self._spaces.start("6", "ledger.py", port=self._space_port, **files)
        if wait:
            self._space.wait()

    def kill_upstream(self) -> None:
        """End the app as a crash would."""
        if self._space is not None:
            self._space.stop()

    def mood(self, at: str, status: int, body: str = "", **headers: str) -> None:
        """Have requests to paths that hold ``at`` answered so, instead of by the app, until :meth:`good_mood`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        scratch = self._mood.with_suffix(".new")
        scratch.write_text(json.dumps({"at": at, "status": status, "headers": named, "body": body}), encoding="utf-8")
        scratch.replace(self._mood)

    def good_mood(self) -> None:
        """Let the app answer everything itself."""
        self._mood.unlink(missing_ok=True)

    def upstream(self) -> Iterator[Upstream]:
        """What the app wrote down."""
        text = self.posts.read_text(encoding="utf-8") if self.posts.exists() else ""
        yield from upstream_lines(text.splitlines())

    # -- messages ----------------------------------------------------------------

    def send_again(self, job_ids: Iterable[str], times: int = 5) -> None:
        """Send messages of jobs once more, past the scheduler."""
        app = client_app(self.redis.url)
        try:
            for job_id in job_ids:
                for _ in range(times):
                    send(app, job_id)
        except (OSError, redis.RedisError, OperationalError):
            return  # Redis is being harmed, too
        finally:
            app.close()

    def send_poison(self, which: int) -> None:
        """Put a message into the queue that no worker can make sense of."""
        with contextlib.suppress(redis.RedisError):
            self.stack.client.lpush(QUEUE, POISON_MESSAGES[which % len(POISON_MESSAGES)])


def fill_disk(disk: Path) -> None:
    """Fill a disk with a file, until it takes nothing more."""
    # Piece by piece, since others write, too: how much is free is soon wrong.
    with (disk / FILLER).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass


def empty_disk(disk: Path) -> None:
    """Give it room again."""
    (disk / FILLER).unlink(missing_ok=True)


@functools.cache
def no_mounts() -> str:
    """Why no file system can be mounted here; empty where one can."""
    if os.geteuid() != 0:
        return "a small file system needs root"
    test = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    done = shutil.which("unshare") and subprocess.run(test, capture_output=True, check=False).returncode == 0
    return "" if done else "this machine allows no mounts"
