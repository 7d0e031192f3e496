"""Faults that need something of the machine: a disk that fills, clocks, a resolver, another version, many sockets."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import requests

from jobs.record.identity import DatabaseIdentity
from tests.chaos.clock import Clock, compiler
from tests.chaos.deployment import LEASE_SECONDS, LOST, fill_disk, no_mounts
from tests.chaos.generator import NoAnswer, Rest
from tests.chaos.parts import Part
from tests.chaos.resolver import missing as no_resolver
from tests.chaos.trial import NotHere, Trial
from tests.chaos.waiting import eventually
from tests.support.processes import ROOT

#: Event-stream clients that stand still, and how often others come again.
STALLED: Final = 300
RECONNECTS: Final = 1000
#: Bytes by which the web processes may grow for each client that stands still.
_BYTES_EACH: Final = 256 << 10
#: How far a clock jumps.
_HOUR: Final = 3600
#: The other version: a commit that stands for the last release, while there is none.
_OLDER: Final = "ad29a4d11dbd"


# -- Redis ------------------------------------------------------------------------


def emptied(trial: Trial) -> str:
    """Redis comes back without its file, then with it; later it is emptied for good, and the operator accepts that."""
    deployment = trial.deployment
    files, away = deployment.folder / "redis" / "appendonlydir", deployment.folder / "redis" / "away"
    noticed: list[float] = []

    def harm() -> None:
        trial.until_upstream("started")
        deployment.redis.crash()
        files.rename(away)
        deployment.redis.start()
        noticed.append(_seconds_until(lambda: "accept-database" in _readiness(trial), "it is noticed"))
        with closing(Rest(deployment.stack.url)) as client:
            assert _refusal(trial, client) == "503 store_unavailable"
        assert not deployment.stack.client.exists("dr:owners"), "a job was taken"
        deployment.redis.kill()
        files.rename(files.with_name(f"empty-{time.time():.0f}"))
        away.rename(files)
        deployment.redis.start()

    first = trial.run(trial.errand(steps=30, seconds=0.4), harm=harm, settle=90)
    assert len(trial.final().attempts) == 1, "the attempt did not wait for the right database"
    trial.forget()

    lost = trial.deployment.stack.submit(
        model="painter", input={"prompt": f"{trial.name}y a", "steps": 3, "seconds": 0.2}
    )
    deployment.stack.client.flushall()
    noticed.append(_seconds_until(lambda: "accept-database" in _readiness(trial), "it is noticed"))
    DatabaseIdentity(deployment.stack.client, deployment.folder / "data" / "database.id").accept()
    eventually(lambda: _readiness(trial) == "", "it is ready again")
    with closing(Rest(deployment.stack.url)):
        # Each web process looks for itself, once a second.
        eventually(
            lambda: requests.get(f"{deployment.stack.url}/v1/jobs/{lost}", timeout=10).status_code == 404,
            "the lost job is unknown",
        )
    second = trial.run(trial.errand())
    assert "lost all jobs" in deployment.stack.logs()
    return (
        f"noticed within {max(noticed):.1f} s, 503 meanwhile; the file is put back: {first};"
        f" emptied for good and accepted: {second}"
    )


def _readiness(trial: Trial) -> str:
    """What /readyz complains about the database."""
    try:
        checks = requests.get(f"{trial.deployment.stack.url}/readyz", timeout=10).json()["checks"]
    except requests.RequestException:
        return "no answer"
    return "" if checks["database"] == "ok" else str(checks["database"])


def _refusal(trial: Trial, client: Rest) -> str:
    try:
        client.submit(trial.errand())
    except NoAnswer as answer:
        return str(answer)
    return ""


def _seconds_until(holds: Callable[[], bool], what: str) -> float:
    began = time.monotonic()
    eventually(holds, what)
    return time.monotonic() - began


def redis_disk(trial: Trial) -> Path:
    """Redis' own disk.

    Raises:
        NotHere: It has none.
    """
    if trial.deployment.disk is None:
        raise NotHere(no_mounts())
    return trial.deployment.disk


def fill(trial: Trial) -> None:
    """Fill Redis' disk, until its own file takes nothing more."""
    fill_disk(redis_disk(trial))
    client = trial.deployment.stack.client

    def refused() -> bool:
        info = client.info("persistence")
        return bool(info["aof_last_write_status"] == "err")

    # The rest of the last page may take a little more.
    eventually(refused, "Redis cannot write its file", within=20)


# -- the upstream's name -------------------------------------------------------------


def names_that_fail(trial: Trial) -> list[str]:
    """One job for each way in which a host cannot be looked up."""
    if trial.deployment.resolver is None:
        raise NotHere(no_resolver())
    seen = []
    for model, host in LOST.items():
        trial.run(trial.errand(model=model), settle=80)
        job = trial.final()
        assert job.error is not None
        assert job.error.code in {"provider_unreachable", "provider_timeout"}
        assert host in trial.deployment.resolver.asked
        seen.append(f"DNS {model}: {job.error.code} after {len(job.attempts)}")
        trial.forget()
    return seen


# -- clocks ----------------------------------------------------------------------------


def clocks_jump(trial: Trial) -> str:
    """The clock of each process jumps while jobs run: an hour ahead, then an hour back behind."""
    found = compiler()
    if found is None:
        raise NotHere("the clock of one process needs a C compiler (Debian: apt-get install gcc libc6-dev)")
    clock = Clock(trial.deployment.folder, found)
    trial.restart(**clock.environ)

    def harm() -> None:
        for jump in (_HOUR, -_HOUR, 0):
            eventually(lambda: any(job.status == "running" for job in trial.jobs()), "a job runs")
            clock.move(jump)
            time.sleep(LEASE_SECONDS * 2)

    errands = [trial.errand(at=number * 1.5, steps=8, seconds=0.4) for number in range(12)]
    seen = trial.run(*errands, harm=harm, settle=90)
    jobs = trial.jobs()
    assert {job.status for job in jobs} == {"succeeded"}
    assert {len(job.attempts) for job in jobs} == {1}, "a lease was taken for over"
    times = [moment for job in jobs for moment in (job.created_at, job.started_at, job.finished_at) if moment]
    assert all(abs(moment - time.time()) < _HOUR / 2 for moment in times), "a record has the time of a wrong clock"
    return seen


# -- event streams ------------------------------------------------------------------------


def streams_that_stall(trial: Trial) -> str:
    """Clients that open a stream and never read it, while one that reads gets all; then many come again and again."""
    web = trial.deployment.web
    before = _memory(web)
    grown: list[float] = []

    def harm() -> None:
        trial.until_upstream("started")
        (job,) = trial.jobs()
        with ExitStack() as stalled:
            for _ in range(STALLED):
                stalled.enter_context(_stalled(trial.deployment.stack.port, job.id))
            began = time.monotonic()
            assert requests.get(f"{trial.deployment.stack.url}/v1/jobs/{job.id}", timeout=10).ok
            grown.append(time.monotonic() - began)
            eventually(lambda: trial.jobs()[0].status.is_terminal, "the job has ended", within=90)
            grown.append(max(0, _memory(web) - before) / STALLED)
        log = [event.id for event in trial.deployment.store.log(job.id)]
        with ThreadPoolExecutor(8) as pool:
            places = itertools.islice(itertools.cycle(log[:-1]), RECONNECTS)
            for place, got in pool.map(lambda place: (place, list(_rest(trial, job.id, place))), places):
                assert got == log[log.index(place) + 1 :], f"after {place} came {got[:3]}…"

    seen = trial.run(trial.errand(steps=60, seconds=0.15), harm=harm, settle=120)
    poll, each = grown
    assert each < _BYTES_EACH, f"{each:.0f} bytes for each client that stands still"
    return (
        f"{seen}; {STALLED} clients that stand still cost {each / 1024:.0f} KB each, a poll beside them {poll * 1000:.0f} ms;"
        f" {RECONNECTS} reconnects with old ids without a gap"
    )


@contextmanager
def _stalled(port: int, job: str) -> Iterator[None]:
    with socket.socket() as connection:
        # So little is taken in by the system that the sender has to wait soon.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", port))
        head = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
        connection.sendall(head.encode())
        # The stream is open.
        assert connection.recv(15).endswith(b"200 OK"[:6]), "refused"
        yield


def _rest(trial: Trial, job: str, after: str) -> Iterator[str]:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": after}
    url = f"{trial.deployment.stack.url}/v1/jobs/{job}/events"
    with requests.get(url, headers=headers, timeout=30) as answer:
        assert answer.status_code == 200, answer.status_code
        for line in answer.iter_lines():
            if line.startswith(b"id:"):
                yield line[3:].strip().decode()


def _memory(part: Part) -> int:
    """Bytes in memory of the processes that answer requests."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) for pid in part.children()]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


# -- another version -------------------------------------------------------------------------


def two_versions(trial: Trial) -> str:
    """Everything runs the older version, and is replaced part by part while jobs run; in the end the worker is rolled back."""
    deployment = trial.deployment
    older, name = _older(deployment.folder)
    worker, web, schedulers = deployment.workers[0], deployment.web, deployment.schedulers
    parts = (worker, web, *schedulers)
    for part in parts:
        part.kill()
        part.root = older
    trial.start_again(*parts)

    def replace(part: Part, root: Path) -> None:
        eventually(lambda: any(job.status == "running" for job in trial.jobs()), "a job runs", within=60)
        trial.stop(part)
        part.root = root
        trial.start_again(part)

    def harm() -> None:
        for scheduler in schedulers:
            replace(scheduler, ROOT)
        replace(web, ROOT)
        replace(worker, ROOT)
        replace(worker, older)

    errands = [trial.errand(at=number * 2.0, steps=8, seconds=0.4) for number in range(30)]
    seen = trial.run(*errands, harm=harm, settle=150)
    assert {job.status for job in trial.jobs()} == {"succeeded"}
    assert {attempt.outcome for job in trial.jobs() for attempt in job.attempts} <= {"succeeded", "handed_back"}
    return f"{name} and this one: {seen}"


def _older(folder: Path) -> tuple[Path, str]:
    """The files of an older version, and its name."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", f"{_OLDER}^{{commit}}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        raise NotHere(f"the history of this checkout does not go back to {_OLDER}")
    name = asked.stdout.strip()
    archive, root = folder / "older.tar", folder / "older"
    subprocess.run(["git", "archive", "-o", str(archive), name], cwd=ROOT, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(root, filter="data")
    return root, name
