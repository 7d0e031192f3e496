"""A list with a filter shows what looking at every job would show, and looks at few of them."""

from __future__ import annotations

import random
import threading
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from jobs import events
from jobs.model import Job, Status
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.lists import pages as module
from jobs.record.lists.pages import JobPages
from jobs.record.lists.wanted import EVERYTHING, Wanted, sketched
from jobs.record.store import JobStore
from tests.support.connections import RiggedConnection
from tests.support.sample_jobs import add_job

FILTERS = [
    Wanted(statuses=frozenset({"queued"})),
    Wanted(statuses=frozenset({"running"})),
    Wanted(statuses=frozenset({"queued", "running"})),
    Wanted(statuses=frozenset({"queued", "canceled"})),
    Wanted(statuses=frozenset({"running"}), model="m1"),
    Wanted(model="m1"),
    Wanted(provider="p"),
    Wanted(metadata={"user": "ann"}),
    Wanted(metadata={"user": "ann", "a b": "c"}),
    Wanted(text="LIGHT"),
    Wanted(model="unknown"),
    EVERYTHING,
]


@pytest.fixture
def jobs(store: JobStore, leases: Leases, queue: JobQueue) -> list[Job]:
    """Jobs of two owners in every state, several in one millisecond."""
    dice = random.Random(7)
    leases.beat("w", 8, 600, [])
    at = store.now() - 100
    made = [
        add_job(
            store,
            owner=dice.choice(["local", "local", "key_2"]),
            created_at=at + number // 3 / 1000,
            model=f"m{number % 3}",
            requested_provider=dice.choice([None, "p"]),
            metadata=dice.choice([{}, {"user": "ann"}, {"user": "ann", "a b": "c"}, {"user": "bob"}]),
            given=dice.choice([{}, {"prompt": "a Lighthouse"}, {"prompt": 7}]),
        )
        for number in range(60)
    ]
    for job_id in queue.choose():
        if dice.random() < 0.7:
            leases.claim(job_id, "w", 600, lambda job, _: job.input)
    for job in made:
        if store.get(job.id).job.status is Status.QUEUED and dice.random() < 0.5:
            store.change(job.id, lambda _: events.Canceled(at=1.0))
    return [store.get(job.id).job for job in made]


def listed(pages: JobPages, owner: str | None, **query: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    for _ in range(200):
        part = pages.part(owner, cursor=cursor, **query)
        found += part.ids
        assert len(part.ids) <= query["limit"]
        cursor = part.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("owner", ["local", "key_2", "nobody", None])
def test_every_filter_shows_what_fits_once_the_newest_first(
    connection: Connection, jobs: list[Job], owner: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 3)
    monkeypatch.setattr(module, "_ROWS", 7)
    monkeypatch.setattr(module, "_LOOKED_AT", 14)
    pages = JobPages(connection)
    times = sorted(job.created_at for job in jobs)
    for wanted in FILTERS:
        for since, until in ((None, None), (times[20], None), (None, times[40]), (times[10], times[50])):
            expected = sorted(
                (job for job in jobs if owner in {None, job.owner} and wanted.has(sketched(msgspec.json.encode(job)))),
                key=lambda job: (job.created_at, job.id),
                reverse=True,
            )
            ids = [job.id for job in expected if (since or 0) < job.created_at < (until or 1e12)]
            for limit in (4, 100):
                assert listed(pages, owner, limit=limit, wanted=wanted, since=since, until=until) == ids, wanted


def test_jobs_that_are_named_are_the_only_ones_looked_at(connection: Connection, jobs: list[Job]) -> None:
    mine = [job.id for job in jobs if job.owner == "local"]
    anothers = next(job.id for job in jobs if job.owner != "local")
    among = [*mine[:5], anothers, "job_unknown"]
    pages = JobPages(connection)
    assert listed(pages, "local", limit=2, among=among, wanted=Wanted(provider=None, text="")) == mine[:5][::-1]
    assert listed(pages, "local", limit=2, among=[]) == []


class Counting(RiggedConnection):
    """Counts the records that are read."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.read_records: list[int] = []

    def ask_each(self, commands: Any) -> list[Any]:
        self.read_records.append(len(commands))
        return super().ask_each(commands)


def test_jobs_that_have_not_ended_are_found_without_the_others(store: JobStore, client: Any) -> None:
    for _ in range(30):
        store.change(add_job(store).id, lambda _: events.Canceled(at=1.0))
    queued = add_job(store).id
    for _ in range(30):
        store.change(add_job(store).id, lambda _: events.Canceled(at=1.0))
    connection = Counting(client)
    pages = JobPages(connection)
    assert pages.part("local", limit=20, wanted=Wanted(statuses=frozenset({"queued", "running"}))).ids == (queued,)
    assert connection.read_records == [1]
    assert len(pages.part("local", limit=20).ids) == 20
    assert connection.read_records == [1], "without a filter no record is read here"


def test_a_long_search_is_cut_into_pieces_between_which_others_come(
    store: JobStore, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        add_job(store, created_at=1000.0 + number)
    breaks: list[float] = []
    monkeypatch.setattr(module, "_give_way", breaks.append)
    connection = Counting(client)
    assert JobPages(connection).part("local", limit=20, wanted=Wanted(model="none")).ids == ()
    assert connection.read_records == [21, 25, 25, 25, 24]
    assert len(breaks) == 5
    assert all(worked > 0 for worked in breaks)


@pytest.mark.parametrize("others", [0.0, 0.01])
def test_others_get_most_of_the_time_where_there_are_some(others: float, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = iter((100.0, 100.0 + others))
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: next(clock)))
    module._give_way(0.001)
    assert slept == [0, *([0.003] if others else [])]


def test_only_one_list_of_a_process_looks_through_jobs_at_a_time(store: JobStore, client: Any) -> None:
    class Slow(RiggedConnection):
        def ask_each(self, commands: Any) -> list[Any]:
            inside.append(1)
            at_once.append(len(inside))
            time.sleep(0.005)
            inside.pop()
            return super().ask_each(commands)

    inside: list[int] = []
    at_once: list[int] = []
    for _ in range(60):
        add_job(store)
    pages = JobPages(Slow(client))

    def search() -> None:
        pages.part("local", limit=20, wanted=Wanted(model="none"))

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(at_once), max(at_once)) == (12, 1)
