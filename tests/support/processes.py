"""A real stack for tests: Redis, workers, scheduler and web as processes of our own, ended by their ids."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import settings
from cli.stack import programs
from cli.stack.redis_server import free_port
from jobs.model import Job
from jobs.record.connection import Connection, connect
from jobs.record.identity import DatabaseIdentity
from jobs.record.types import Record
from jobs.submissions import Submission
from jobs.vault import Vault
from providers.catalog import Catalog
from tests.support.eventually import eventually
from tests.support.records import Records
from tests.support.redis_servers import RedisServer

#: The checkout; the programs run in it.
ROOT: Final = programs.ROOT
#: Seconds for a program to be ready, on a machine that does much else.
_START_SECONDS: Final = 120.0


def worker_command(name: str) -> tuple[str, ...]:
    """The command line of a worker that shares its machine with others, and so needs a name."""
    return (*programs.WORKER, name)


class Process:
    """A program that a test starts and ends, with its output in a file.

    Args:
        argv: Its command line.
        environ: Its environment.
        log: The file; a program that is started again goes on in it.
    """

    def __init__(self, argv: tuple[str, ...], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._seen = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self.popen = subprocess.Popen(argv, cwd=ROOT, env=dict(environ), stdout=file, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        """What this process has said so far."""
        return self.log.read_bytes()[self._seen :].decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def wait_for(self, words: str, seconds: float = 30.0) -> None:
        """Return once the output holds these words; fail where the process ends without them."""

        def said() -> bool:
            if words in self.output:
                return True
            assert self.alive, f"{self.log.name} ended:\n{self.output[-4000:]}"
            return False

        eventually(said, f"{self.log.name} says {words!r}", within=seconds)

    def kill(self) -> None:
        """End it as a crash would."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self, seconds: float = 30.0) -> int:
        """Ask it to end, and give its exit status; fail where it does not."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout=seconds)


class Stack:
    """The service on one machine, part by part. A context manager: it ends all that it started.

    Args:
        folder: Data, logs and Redis' files.
        lease_seconds: So long a killed worker's jobs wait for another one.
        environ: More variables for all processes.
    """

    def __init__(self, folder: Path, *, lease_seconds: int = 3, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        (folder / "redis").mkdir(parents=True)
        self.redis = RedisServer(folder / "redis")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
        self.environ = {
            **kept,
            "DARKROOM_BIND": f"127.0.0.1:{self.port}",
            "DARKROOM_DATA_DIR": str(folder / "data"),
            "DARKROOM_HUB_URL": "",
            "DARKROOM_LEASE_SECONDS": str(lease_seconds),
            "DARKROOM_LOG_FORMAT": "json",
            "DARKROOM_REDIS_URL": self.redis.url,
            "DARKROOM_WORKER_CONCURRENCY": "32",
            "PYTHONUNBUFFERED": "1",
            **(environ or {}),
        }
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        self.redis.start()
        config = settings.load(self.environ)
        self.client = connect(self.redis.url, connections=8)
        DatabaseIdentity(self.client, config.identity_file, initialise=True).check()
        self.connection = Connection(self.client, patience=10)
        record = Records(
            self.connection,
            config.artifacts_dir,
            limits=config.limits,
            vault=Vault.from_file(config.secret_key_file),
        )
        self.store, self.queue, self.artifacts = record.store, record.queue, record.artifacts
        self.submissions, self.dispatcher, self.jobs = record.submissions, record.dispatcher, record.jobs
        self.catalog = Catalog.load(config.config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.processes):
            if process.alive:
                process.kill()
        self.client.close()
        self.redis.kill()

    def start(self, name: str, argv: tuple[str, ...], **environ: str) -> Process:
        """Start a program; its output goes to ``{name}.log``."""
        process = Process(argv, {**self.environ, **environ}, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def worker(self, name: str = "worker", **environ: str) -> Process:
        """Start a worker, and wait until it takes jobs."""
        process = self.start(name, worker_command(name), **environ)
        process.wait_for("worker ready", _START_SECONDS)
        return process

    def scheduler(self, name: str = "scheduler", **environ: str) -> Process:
        """Start a scheduler."""
        process = self.start(name, programs.SCHEDULER, **environ)
        process.wait_for("scheduler ready", _START_SECONDS)
        return process

    def web(self, name: str = "web", **environ: str) -> Process:
        """Start the HTTP API on :attr:`url`, and wait until it is healthy."""
        process = self.start(name, programs.WEB, **environ)
        self._wait_for_health(process)
        return process

    def whole(self) -> Process:
        """Start scheduler, worker and web side by side, wait until all are ready, and give the worker."""
        scheduler = self.start("scheduler", programs.SCHEDULER)
        worker = self.start("worker", worker_command("worker"))
        web = self.start("web", programs.WEB)
        scheduler.wait_for("scheduler ready", _START_SECONDS)
        worker.wait_for("worker ready", _START_SECONDS)
        self._wait_for_health(web)
        return worker

    def _wait_for_health(self, web: Process) -> None:
        def healthy() -> bool:
            assert web.alive, f"web ended:\n{web.output[-4000:]}"
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        eventually(healthy, "the web process is healthy", within=_START_SECONDS)

    def submit(self, *script: str, model: str = "echo", **options: Any) -> str:
        """Submit a job as the HTTP face does, and give its id."""
        given: dict[str, Any] = {"prompt": "a lighthouse", **options.pop("input", {})}
        if script:
            given["script"] = list(script)
        admitted = self.catalog.choose(model, options.get("provider")).admit(given)
        submission = Submission(
            owner="local",
            model=model,
            given=given,
            inputs=admitted.inputs,
            **options,
        )
        return self.submissions.accept(submission).record.job.id

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.store.get(job_id).job

    def records(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those of the jobs that exist."""
        return self.store.get_many(job_ids)

    def wait_for_status(self, job_ids: Iterable[str], *statuses: str, seconds: float = 30.0) -> list[Job]:
        """The jobs, once each has one of these states (any final one where none is named)."""
        ids = list(job_ids)
        found: dict[str, Job] = {}

        def there() -> bool:
            found.update({job_id: record.job for job_id, record in self.records(ids).items()})
            return len(found) == len(ids) and all(
                job.status in statuses if statuses else job.status.is_terminal for job in found.values()
            )

        def failure() -> str:
            states = {job_id: found[job_id].status if job_id in found else "missing" for job_id in ids}
            return f"{len(ids)} jobs are {' or '.join(statuses) or 'over'}; they are {states}\n{self.logs()[-6000:]}"

        eventually(there, failure, within=seconds)
        return [found[job_id] for job_id in ids]

    def logs(self) -> str:
        """All that every process has said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def redis_text(self) -> bytes:
        """Everything that was ever written to Redis, for a search: its append-only file is plain text until rewritten."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("redis/**/*")) if path.is_file())
