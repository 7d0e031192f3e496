"""The loops of the scheduler process: what one record, one driver or one error costs. Each runs as the process runs it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import settings as configuration
from jobs import events, metrics
from jobs.files.uploads import Uploads
from jobs.ids import new_id
from jobs.model import Status
from jobs.record import keys
from jobs.record.counters import read
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from providers import Control, Driver
from providers.catalog import Catalog
from providers.config import ProviderConfig
from providers.registry import GROUP
from providers.testing import ScriptedDriver
from resilience import Rounds
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.records import take_messages
from tests.support.worker_parts import WorkerParts, shared_of
from worker.scheduler.__main__ import all_rounds
from worker.scheduler.janitor import Janitor
from worker.scheduler.prober import Prober
from worker.scheduler.reconciler import CALM_SECONDS, UNREADABLE_SECONDS, Reconciler

NOT_JSON = b"\xff not json"


@contextmanager
def going(*rounds: Rounds, stopped: threading.Event) -> Iterator[None]:
    """Do rounds in threads of their own, as the scheduler does."""
    threads = [one.start() for one in rounds]
    try:
        yield
        assert all(thread.is_alive() for thread in threads)
    finally:
        stopped.set()
        for thread in threads:
            thread.join(10)


def counted(parts: WorkerParts, metric: metrics.Metric, *labels: str) -> float:
    parts.counters.flush()
    return read(parts.connection).get((metric.name, "", *labels), 0.0)


# -- the prober ----------------------------------------------------------------


class Probes:
    """Installed drivers of somebody's own, whose probes a test scripts."""

    def __init__(self, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch, **probes: Callable[[], object]) -> None:
        self.parts = parts
        self.asked: list[str] = []
        module, points = ModuleType("acme_drivers"), []
        for name, probe in probes.items():
            setattr(module, name, self.factory(name, probe))
            points.append(EntryPoint(name, f"acme_drivers:{name}", GROUP))
            HealthStore(parts.connection).update(name, lambda record, at: health.succeeded(record, 0.0, 1.0, at))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        self.catalog = Catalog.load(installed=points)

    def factory(self, name: str, probe: Callable[[], object]) -> Callable[[ProviderConfig], Driver]:
        asked = self.asked

        class Own(ScriptedDriver):
            def probe(self, control: Control) -> Any:
                del control
                asked.append(name)
                return probe()

        return lambda _: Own([], name=name, model=name)

    def prober(self, stuck: float = 20.0) -> Prober:
        parts = self.parts
        return Prober(shared_of(parts.connection, parts.folder, catalog=self.catalog, counters=parts.counters), stuck)

    def again(self, name: str) -> None:
        """Its minute is over."""
        self.parts.connection.client.delete(keys.probed(name))


def raising(error: BaseException) -> Callable[[], object]:
    def probe() -> object:
        raise error

    return probe


class Foreign(BaseException):
    """Of a driver that means to end more than its probe."""


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), MemoryError(), Foreign()])
def test_a_driver_that_cannot_probe_costs_its_own_probe(
    parts: WorkerParts, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(parts, monkeypatch, bad=raising(error), good=lambda: None)
    stopped = threading.Event()
    with going(probes.prober().rounds(stopped, 0.02), stopped=stopped):
        eventually(lambda: "good" in probes.asked, "the other is probed", within=5)
        probes.again("good")
        probes.again("bad")
        eventually(lambda: probes.asked.count("good") == 2, "the other is probed again", within=5)
        eventually(lambda: probes.asked.count("bad") == 2, "and so is this one", within=5)
    assert counted(parts, metrics.PROBES, "good", "ok") >= 2
    assert counted(parts, metrics.PROBES, "bad", "internal") >= 1
    assert counted(parts, metrics.THREAD_ERRORS, "prober") >= 1


def test_a_probe_that_does_not_end_costs_its_own_provider_and_one_thread(
    parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    probes = Probes(parts, monkeypatch, bad=lambda: over.wait(30) and None, good=lambda: None)
    prober = probes.prober(stuck=0.2)
    for _ in range(3):
        prober.round()
        probes.again("good")
        probes.again("bad")
    assert (probes.asked.count("good"), probes.asked.count("bad")) == (3, 1)
    over.set()
    eventually(lambda: prober.round() and probes.asked.count("bad") == 2, "it is probed again", within=5)


def test_a_record_of_a_provider_that_cannot_be_read_keeps_no_other_from_its_probe(
    parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = Probes(parts, monkeypatch, bad=lambda: None, good=lambda: None)
    parts.connection.client.hset(keys.provider("bad"), "health", NOT_JSON)
    assert probes.prober().round() == 1
    assert probes.asked == ["good"]


# -- the repair ----------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reconciler(parts: WorkerParts, clock: Clock) -> Reconciler:
    found = Reconciler(parts.shared(), Uploads(parts.connection, parts.artifacts, 1 << 20), clock=clock)
    clock.at += CALM_SECONDS
    return found


def overdue(parts: WorkerParts) -> str:
    return parts.submit(deadline_at=parts.store.now() - 1)


#: What no process of ours writes: for each place, members of sorted sets.
POISON: Mapping[str, Mapping[str, tuple[bytes, ...]]] = {
    "deadline": {keys.DEADLINE: (NOT_JSON,)},
    "running": {keys.RUNNING: (NOT_JSON,)},
    "retention": {keys.RETAIN: (NOT_JSON, b"job_none")},
    "messages": {keys.SENT: (NOT_JSON,)},
    "uploads": {keys.FILE_DUE: (NOT_JSON, b"garbage", b"key_1/../../etc", b"key_1/file_1")},
}


def spoil(parts: WorkerParts, place: str) -> None:
    """Write into a place what cannot be read."""
    redis = parts.connection.client
    for key, members in POISON.get(place, {}).items():
        for member in members:
            redis.zadd(key, {member: 1})
    redis.hset(keys.files("key_1"), "file_1", NOT_JSON)
    if place == "a job":
        job_id = overdue(parts)
        redis.zadd(keys.RETAIN, {job_id: 1})
        redis.zadd(keys.RUNNING, {job_id: 1})
        redis.hset(keys.job(job_id), "doc", NOT_JSON)
    elif place == "a type":
        redis.delete(keys.RETAIN)
        redis.set(keys.RETAIN, b"x")


@pytest.mark.parametrize("place", [*POISON, "a job", "a type"])
def test_what_cannot_be_read_costs_itself(parts: WorkerParts, reconciler: Reconciler, place: str) -> None:
    spoil(parts, place)
    redis = parts.connection.client
    redis.zadd(keys.FILE_DUE, {"key_2/file_2": 2})
    late, lost = overdue(parts), parts.claim(parts.submit(), lease_seconds=0).job.id
    reconciler.round()
    reconciler.round()
    assert parts.job(late).status is Status.EXPIRED
    assert parts.job(lost).attempts[-1].outcome == "lost"
    assert redis.zscore(keys.FILE_DUE, "key_2/file_2") is None
    assert counted(parts, metrics.ROUNDS, "partly" if place == "a type" else "done") == 2


#: More than one look at an index finds.
MANY = 1100


@pytest.mark.parametrize("what", ["no id", "no job", "unreadable"])
def test_however_many_cannot_be_read_they_hide_nobody(
    parts: WorkerParts, reconciler: Reconciler, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    redis = parts.connection.client
    late, lost = overdue(parts), parts.claim(parts.submit(), lease_seconds=0).job.id
    names = [b"\xff%d" % n if what == "no id" else b"job_%d" % n for n in range(MANY)]
    if what == "unreadable":
        for name in names:
            redis.hset(keys.job(name.decode()), mapping={"doc": NOT_JSON, "v": 1, "status": "succeeded"})
    for key in (keys.DEADLINE, keys.RUNNING, keys.RETAIN):
        redis.zadd(key, dict.fromkeys(names, 1))
    for _ in range(6):
        reconciler.round()
    assert parts.job(late).status is Status.EXPIRED
    assert parts.job(lost).attempts[-1].outcome == "lost"
    assert caplog.records
    if what != "unreadable":
        assert not any(redis.zcard(key) > 1 for key in (keys.DEADLINE, keys.RUNNING, keys.RETAIN))


def test_a_message_for_no_job_holds_no_slot(parts: WorkerParts, reconciler: Reconciler) -> None:
    redis = parts.connection.client
    redis.zadd(keys.SENT, {b"job_none": 1, b"job_gone": 1, b"\xff": 1})
    job_id = parts.submit()
    parts.leases.beat("w", 3, 60, [])
    reconciler.round()
    reconciler.round()
    assert redis.zrange(keys.SENT, 0, -1) == [job_id.encode()]


def test_a_job_that_cannot_be_read_is_not_told_every_second(
    parts: WorkerParts, reconciler: Reconciler, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(parts, "a job")
    for _ in range(5):
        reconciler.round()
    assert [record.message for record in caplog.records].count("the job cannot be repaired") == 1
    clock.at += UNREADABLE_SECONDS
    reconciler.round()
    assert [record.message for record in caplog.records].count("the job cannot be repaired") == 2


def test_a_scheduler_that_was_stopped_judges_no_lease_right_after(
    parts: WorkerParts, reconciler: Reconciler, clock: Clock
) -> None:
    """Where the whole machine was, its workers have not beaten yet."""
    reconciler.round()
    clock.at += 60
    job_id = parts.claim(parts.submit(), lease_seconds=0).job.id
    reconciler.round()
    assert parts.job(job_id).status is Status.RUNNING
    for _ in range(int(CALM_SECONDS)):
        clock.at += 1
        reconciler.round()
    assert parts.job(job_id).attempts[-1].outcome == "lost"


def test_a_scheduler_that_was_stopped_within_a_round_judges_nothing_of_it(
    parts: WorkerParts, reconciler: Reconciler, clock: Clock
) -> None:
    def stop() -> None:
        parts.queue.before.clear()
        clock.at += 60

    job_id = parts.claim(parts.submit(), lease_seconds=0).job.id
    parts.queue.before["lost"] = stop
    reconciler.round()
    assert parts.job(job_id).status is Status.RUNNING


# -- the janitor ---------------------------------------------------------------


def test_a_record_and_a_folder_that_cannot_be_read_keep_no_orphan(parts: WorkerParts) -> None:
    ended = parts.submit()
    parts.store.change(ended, lambda _: events.Canceled(at=1.0))
    parts.artifacts.put(ended, b"needed, for all we know")
    parts.connection.client.hset(keys.job(ended), "doc", NOT_JSON)
    orphan = new_id("job")
    parts.artifacts.put(orphan, b"x")
    odd = parts.folder / "artifacts" / "xx" / "job_not.ours"
    odd.mkdir(parents=True)
    janitor, stopped = Janitor(parts.shared()), threading.Event()
    with going(janitor.rounds(stopped, 0.02), stopped=stopped):
        eventually(lambda: not parts.files(orphan), "the orphan is gone", within=5)
    assert parts.files(ended)


# -- all of them ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["reconciler", "prober", "janitor", "webhook-sender"])
def test_one_unforeseen_error_costs_one_round(
    parts: WorkerParts, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process goes on, and so does each of its threads."""
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DARKROOM_SWEEP_SECONDS", "1")
    stopped, shared, asked = threading.Event(), parts.shared(), 0

    def stumble() -> None:
        nonlocal asked
        if threading.current_thread().name == name:
            asked += 1
            if asked == 1:
                raise RuntimeError("unforeseen")

    parts.connection.stumble = stumble
    rounds = {one.name: one for one in all_rounds(shared, configuration.load(), stopped)}
    rounds["prober"] = Prober(shared).rounds(stopped, 0.05)
    with going(*rounds.values(), stopped=stopped):
        eventually(lambda: asked > 1, "it goes on", within=10)
    assert counted(parts, metrics.THREAD_ERRORS, name) == 1


def test_messages_go_on_where_a_step_of_the_repair_fails(parts: WorkerParts, clock: Clock) -> None:
    reconciler = Reconciler(parts.shared(), Uploads(parts.connection, parts.artifacts, 1), clock=clock)
    parts.leases.beat("w", 8, 60, [])
    job_id = parts.submit()
    parts.queue.before["overdue"] = parts.queue.before["outlived"] = lambda: 1 // 0
    reconciler.round()
    assert take_messages(parts.connection) == [job_id]
