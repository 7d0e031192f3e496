"""A text that comes bit by bit: few of its states are written, the newest is never lost, and the log stays short."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

import logs
from jobs import events
from providers import Completed, Partial, Text
from tests.support.clock import Clock
from tests.support.worker_parts import WorkerParts
from worker.attempts.event_writer import EventWriter
from worker.attempts.partial_text import PARTIAL_LIMIT, PartialText
from worker.attempts.parts import Timings

INTERVAL = 0.25


@given(st.lists(st.tuples(st.floats(0, 1), st.text(max_size=30), st.booleans()), max_size=40))
def test_the_changes_put_together_are_the_newest_text(steps: list[tuple[float, str, bool]]) -> None:
    clock = Clock()
    partial = PartialText(INTERVAL, clock)
    record, newest = "", ""
    for pause, text, looks in steps:
        clock.at += pause
        partial.offer(text)
        newest = text
        if looks and (change := partial.due()) is not None:
            record = record[: change[0]] + change[1]
            assert record == newest
    clock.at += 4 * INTERVAL
    if (change := partial.due()) is not None:
        record = record[: change[0]] + change[1]
    assert record == newest


def test_at_most_four_states_a_second_are_written_and_later_one() -> None:
    clock = Clock()
    partial = PartialText(INTERVAL, clock)

    def written(seconds: int) -> int:
        count = 0
        for number in range(seconds * 100):
            clock.at += 0.01
            partial.offer("x" * number)
            count += partial.due() is not None
        return count

    assert 36 <= written(10) <= 41
    clock.at += 60
    assert written(10) <= 11


def test_only_what_is_new_is_written() -> None:
    clock = Clock()
    partial = PartialText(INTERVAL, clock)
    partial.offer("a red square")
    assert partial.due() == (0, "a red square")
    clock.at += 1
    partial.offer("a red squares")
    assert partial.due() == (12, "s")
    clock.at += 1
    partial.offer("a")
    assert partial.due() == (1, "")


def test_a_state_that_comes_at_once_is_not_worth_its_cleaning() -> None:
    clock = Clock()
    partial = PartialText(INTERVAL, clock)
    assert partial.wants()
    partial.offer("a")
    assert not partial.wants()
    clock.at += INTERVAL
    assert partial.wants()


def test_it_is_bounded() -> None:
    partial = PartialText(INTERVAL, Clock())
    partial.offer("x" * (PARTIAL_LIMIT + 1))
    change = partial.due()
    assert change is not None
    assert len(change[1]) == PARTIAL_LIMIT


def test_an_upstreams_text_is_cleaned_and_secrets_are_hidden(parts: WorkerParts) -> None:
    parts.timings = Timings(partial=0.0)
    with logs.hiding() as hide:
        hide("canary-4711")
        job = parts.run(
            Partial("a\x00 \ud800red"), Partial("a red canary-4711 square"), Completed((Text("x"),)), kind="text"
        )
    written = [event for event in parts.log(job.id) if isinstance(event, events.Wrote)]
    assert next(event.text for event in written) == "a red"
    assert "canary" not in "".join(event.text for event in written)
    assert job.progress is not None
    assert job.progress.partial is None


def test_a_tick_writes_what_was_held_back(parts: WorkerParts) -> None:
    parts.timings = Timings(partial=0.2)
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    writer.partial("a")
    writer.partial("a red")
    progress = parts.job(lease.job.id).progress
    assert progress is not None
    assert progress.partial == "a"
    time.sleep(0.25)
    writer.tick()
    progress = parts.job(lease.job.id).progress
    assert progress is not None
    assert progress.partial == "a red"


def test_another_attempts_text_replaces_the_one_before(parts: WorkerParts) -> None:
    parts.timings = Timings(partial=0.0)
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    writer.partial("of the first")
    writer.follow(2)
    assert writer.wants_partial(2)
    assert not writer.wants_partial(1)
    writer.partial("of the second")
    newest = parts.log(lease.job.id)[-1]
    assert isinstance(newest, events.Wrote)
    assert (newest.kept, newest.text) == (0, "of the second")
