"""A watcher hears all that it is given, once and in order, whatever thread gives it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from jobs import events
from jobs.record.types import LoggedEvent
from web.streaming.watch import HungUp, Watch


def entry(number: int) -> LoggedEvent:
    return LoggedEvent(id=f"{number}-0", event=events.Logged(at=1.0, text=str(number)))


def watching(backlog: int = 100, *, behind: bool = False, log: Sequence[LoggedEvent] = ()) -> Watch:
    def read(job_id: str, after: str) -> Sequence[LoggedEvent]:
        del job_id, after
        return log

    return Watch("job_1", None, "0-0", backlog=backlog, log=read, close=lambda _: None, behind=behind)


def test_nothing_is_lost_between_threads() -> None:
    count, found = 5000, list[str]()
    watch = watching(count)

    def give() -> None:
        for number in range(1, count + 1):
            watch.put([entry(number)])

    giver = threading.Thread(target=give)
    giver.start()
    ends = time.monotonic() + 30
    while len(found) < count and time.monotonic() < ends:
        found += [each.id for each in watch.news(0.5)]
    giver.join()
    assert found == [f"{number}-0" for number in range(1, count + 1)]
    assert (watch.last, watch.backlog, watch.news(0.01)) == (f"{count}-0", 0, [])


def test_what_came_twice_is_heard_once() -> None:
    watch = watching()
    watch.put([entry(1), entry(2)])
    assert [each.id for each in watch.news(1)] == ["1-0", "2-0"]
    watch.put([entry(1), entry(2), entry(3)])
    assert [each.id for each in watch.news(1)] == ["3-0"]
    began = time.monotonic()
    assert watch.news(0.1) == []
    assert time.monotonic() - began >= 0.1


def test_it_wakes_up_at_once() -> None:
    watch = watching()
    timer = threading.Timer(0.05, watch.put, [[entry(1)]])
    timer.start()
    began = time.monotonic()
    assert [each.id for each in watch.news(20)] == ["1-0"]
    assert time.monotonic() - began < 10
    timer.join()


def test_one_that_overflows_reads_the_log() -> None:
    watch = watching(2, log=[entry(number) for number in range(1, 6)])
    watch.put([entry(number) for number in range(1, 6)])
    assert watch.backlog == 2
    watch.put([entry(6)])
    assert [each.id for each in watch.news(1)] == ["1-0", "2-0"]
    assert [each.id for each in watch.news(1)] == ["3-0", "4-0", "5-0"]
    watch.put([entry(6)])
    assert [each.id for each in watch.news(1)] == ["6-0"]


def test_who_hangs_up_waits_no_more_and_may_do_it_twice() -> None:
    watch = watching()
    threading.Timer(0.05, watch.hang_up).start()
    with pytest.raises(HungUp):
        watch.news(20)
    watch.hang_up()
    watch.put([entry(1)])
    with pytest.raises(HungUp):
        watch.news(20)
    began = time.monotonic()
    watch.pause(20)
    assert time.monotonic() - began < 10
