"""The pump: nothing lost, nothing twice, memory bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.record import keys
from jobs.record.nudge import Nudge
from jobs.record.store import JobStore
from jobs.record.types import LoggedEvent
from tests.support.connections import RiggedConnection
from tests.support.eventually import eventually
from tests.support.sample_jobs import add_job
from web.streaming import pump as stream
from web.streaming.pump import Pump, TooManyWatchers
from web.streaming.watch import Watch, event_order


@pytest.fixture
def connection() -> RiggedConnection:
    return RiggedConnection()


@pytest.fixture
def store(connection: RiggedConnection) -> JobStore:
    return JobStore(connection)


@pytest.fixture
def pump(connection: RiggedConnection, store: JobStore) -> Iterator[Pump]:
    made = Pump(store, Nudge(connection), limit=3)
    yield made
    made.close()


def running(store: JobStore) -> str:
    return add_job(store).id


def say(store: JobStore, job_id: str, *texts: str) -> None:
    for text in texts:
        store.change(job_id, lambda _, text=text: events.Logged(at=1.0, text=text))  # type: ignore[misc]


def heard(watch: Watch, count: int) -> list[str]:
    found: list[str] = []
    for _ in range(100):
        found += [entry.event.text for entry in watch.news(0.2) if isinstance(entry.event, events.Logged)]
        if len(found) >= count:
            break
    return found


def test_every_watcher_hears_everything_once_and_in_order(store: JobStore, pump: Pump) -> None:
    job_id = running(store)
    first = pump.watch(job_id, store.get(job_id).event_id)
    say(store, job_id, "a", "b")
    assert heard(first, 2) == ["a", "b"]
    # A watcher who joins a job that is watched already starts where it says, not where the pump is.
    second = pump.watch(job_id, store.log(job_id)[0].id)
    say(store, job_id, "c")
    assert heard(first, 1) == ["c"]
    assert heard(second, 3) == ["a", "b", "c"]


def test_jobs_are_kept_apart(store: JobStore, pump: Pump) -> None:
    one, two = running(store), running(store)
    watches = [pump.watch(job_id, store.get(job_id).event_id) for job_id in (one, two)]
    say(store, one, "one")
    say(store, two, "two")
    assert [heard(watch, 1) for watch in watches] == [["one"], ["two"]]


def test_a_watcher_that_falls_behind_catches_up_from_the_log(connection: RiggedConnection, store: JobStore) -> None:
    pump = Pump(store, Nudge(connection), backlog=3)
    job_id = running(store)
    slow = pump.watch(job_id, store.get(job_id).event_id)
    texts = [str(number) for number in range(20)]
    say(store, job_id, *texts)
    other = pump.watch(job_id, store.get(job_id).event_id)
    say(store, job_id, "last")
    assert heard(other, 1) == ["last"]
    assert slow.backlog <= 3
    assert heard(slow, 21) == [*texts, "last"]
    pump.close()


def test_one_who_joins_as_the_last_one_leaves_misses_nothing(connection: RiggedConnection, store: JobStore) -> None:
    """What was read for the one who left begins later than what the new one asks for."""

    class Changing(Nudge):
        def wait_events(self, cursors: Mapping[str, str], timeout: float) -> Mapping[str, Sequence[LoggedEvent]]:
            found = super().wait_events(cursors, timeout)
            if found.get(job_id) and not joined:
                first.close()
                joined.append(pump.watch(job_id, start))
            return found

    job_id = running(store)
    start = store.get(job_id).event_id
    say(store, job_id, "a", "b")
    pump, joined = Pump(store, Changing(connection)), list[Watch]()
    first = pump.watch(job_id, store.get(job_id).event_id)
    say(store, job_id, "c")
    eventually(lambda: joined, "another watches")
    assert heard(joined[0], 3) == ["a", "b", "c"]
    pump.close()


def test_there_is_a_most_of_watchers(store: JobStore, pump: Pump) -> None:
    job_id = running(store)
    watches = [pump.watch(job_id, "0-0") for _ in range(3)]
    with pytest.raises(TooManyWatchers):
        pump.watch(job_id, "0-0")
    for watch in watches:
        watch.close()
        watch.close()
    assert pump.watchers == 0
    assert not pump._watches
    assert not pump._cursors
    pump.watch(job_id, "0-0").close()


def test_an_outage_of_redis_only_makes_news_late(connection: RiggedConnection, store: JobStore) -> None:
    failures = iter([StoreUnavailable("gone"), RuntimeError("what is this?")])

    class Failing(Nudge):
        def wait_events(self, cursors: Mapping[str, str], timeout: float) -> Mapping[str, Sequence[LoggedEvent]]:
            for failure in failures:
                raise failure
            return super().wait_events(cursors, timeout)

    job_id = running(store)
    pump = Pump(store, Failing(connection), retry_seconds=0.01)
    watch = pump.watch(job_id, store.get(job_id).event_id)
    say(store, job_id, "late")
    assert heard(watch, 1) == ["late"]
    pump.close()


@pytest.mark.parametrize(
    "entry", [{b"e": b"not json"}, {b"e": b"\xff"}, {b"x": b"y"}, {b"e": b'{"type":"of tomorrow","at":1}'}]
)
def test_an_event_that_cannot_be_read_costs_itself(
    connection: RiggedConnection, store: JobStore, pump: Pump, entry: dict[Any, Any]
) -> None:
    """Neither what follows it nor another job's news; and it is not read again and again."""
    bad, other = running(store), running(store)
    watches = [pump.watch(job_id, store.get(job_id).event_id) for job_id in (bad, other)]
    say(store, bad, "before")
    connection.client.xadd(keys.events(bad), entry)
    say(store, other, "elsewhere")
    assert heard(watches[1], 1) == ["elsewhere"]
    say(store, bad, "after")
    assert heard(watches[0], 3) == ["before", "An event of this job cannot be read.", "after"]
    assert [type(logged.event) for logged in store.log(bad)][-3:] == [events.Logged] * 3


def test_where_no_thread_can_be_started_the_next_watcher_tries_again(
    store: JobStore, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    job_id = running(store)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(TooManyWatchers):
            pump.watch(job_id, "0-0")
    assert pump.watchers == 0
    watch = pump.watch(job_id, store.get(job_id).event_id)
    say(store, job_id, "news")
    assert heard(watch, 1) == ["news"]


def test_a_closed_pump_takes_no_watchers(store: JobStore, pump: Pump) -> None:
    job_id = running(store)
    pump.watch(job_id, "0-0")
    pump.close()
    assert pump._thread is not None
    assert not pump._thread.is_alive()
    with pytest.raises(TooManyWatchers):
        pump.watch(job_id, "0-0")


def test_event_ids_are_ordered_as_numbers() -> None:
    assert event_order("9-0") < event_order("10-0") < event_order("10-2") < event_order("10-10")


def test_a_burst_leaves_others_their_turn(
    connection: RiggedConnection, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event for 70 watchers, who are told in pieces."""
    breaths: list[int] = []
    told: list[Watch] = []
    real_put = Watch.put

    def put(watch: Watch, entries: Sequence[LoggedEvent]) -> None:
        told.append(watch)
        real_put(watch, entries)

    monkeypatch.setattr(Watch, "put", put)
    monkeypatch.setattr(stream, "_breathe", lambda: breaths.append(len(told)))
    pump = Pump(store, Nudge(connection))
    job_id = running(store)
    last = store.get(job_id).event_id
    watches = [pump.watch(job_id, last) for _ in range(70)]
    # All but the first begin with the log, so that they are asked once before.
    for watch in watches:
        watch.news(0.001)
    say(store, job_id, "a")
    assert [heard(watch, 1) for watch in watches] == [["a"]] * 70
    assert breaths == [32, 64]
    pump.close()
