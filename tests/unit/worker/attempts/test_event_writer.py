"""Of many events few are written, the newest is never lost, and writing holds no other up."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.record import keys
from jobs.record.types import Lease, Proof
from tests.support.clock import Clock
from tests.support.worker_parts import WorkerParts, away
from worker.attempts.event_writer import EventWriter, Throttle, how_far

#: Seconds between two writes.
INTERVAL = 0.2
#: Seconds before another place in the upstream's queue.
PLACE = 1.0

#: News of attempts, from the start to the end.
COURSE: list[events.JobEvent | None] = [
    None,
    events.UpstreamQueued(at=1.0, rank=3),
    events.Progressed(at=1.0, stage="generating"),
    events.Progressed(at=1.0, stage="generating", fraction=0.2, step=1),
    events.Progressed(at=1.0, stage="generating", fraction=0.9, step=9),
    events.Progressed(at=1.0, stage="downloading", fraction=1.0),
]


def test_each_step_is_further_than_the_one_before_it() -> None:
    assert all(how_far(before) < how_far(after) for before, after in pairwise(COURSE))


def test_a_place_in_a_queue_says_nothing_about_another_queue() -> None:
    assert how_far(events.UpstreamQueued(at=1.0, rank=3)) == how_far(events.UpstreamQueued(at=1.0, rank=1))


def test_a_tick_does_not_wait_for_a_write(parts: WorkerParts) -> None:
    writer = EventWriter(parts.parts, parts.claim(parts.submit()))
    with writer._lock:
        writer.tick()


# -- the record is kept, and what may wait rides on the next write ----------------


def scripts_of(parts: WorkerParts, write: Callable[[], object]) -> list[str]:
    """The scripts that run, and ``get`` for each record that is read."""
    ran: list[str] = []
    run = parts.connection.run

    def noted(script: str, *args: Any, **more: Any) -> Any:
        ran.append(script)
        return run(script, *args, **more)

    parts.store.before["get"] = lambda: ran.append("get")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts.connection, "run", noted)
        write()
    return ran


def stored(parts: WorkerParts, lease: Lease) -> Any:
    return json.loads(parts.connection.redis.hget(keys.job(lease.job.id), "ckpt") or b"{}")


def test_an_event_is_one_call(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    assert scripts_of(parts, lambda: [writer.write(step(1)), writer.write(step(2))]) == ["commit", "commit"]


def test_an_event_after_a_change_by_others_is_written_on_top_of_it(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    parts.store.change(lease.job.id, lambda _: events.CancelRequested(at=2.0))
    assert scripts_of(parts, lambda: writer.write(step(1))) == ["commit", "get", "commit"]
    assert parts.job(lease.job.id).cancel_requested_at == 2.0
    assert parts.log(lease.job.id)[-1] == step(1)


def test_a_checkpoint_is_stored_before_the_driver_goes_on_unless_it_may_wait(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    assert scripts_of(parts, lambda: writer.checkpoint("scripted", {"n": 1}, at_once=True)) == ["checkpoint"]
    assert stored(parts, lease) == {"scripted": {"n": 1}}
    assert scripts_of(parts, lambda: writer.checkpoint("scripted", {"n": 2}, at_once=False)) == []
    assert scripts_of(parts, lambda: writer.write(step(1))) == ["commit"]
    assert stored(parts, lease) == {"scripted": {"n": 2}}


@pytest.mark.parametrize("settle", ["settle", "tick"])
def test_a_checkpoint_that_waits_is_stored_with_nothing_to_ride_on(parts: WorkerParts, settle: str) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    writer.checkpoint("scripted", {"n": 1}, at_once=False)
    assert scripts_of(parts, getattr(writer, settle)) == ["checkpoint"]
    assert scripts_of(parts, getattr(writer, settle)) == []
    assert stored(parts, lease) == {"scripted": {"n": 1}}


def test_a_checkpoint_that_waits_is_not_lost_with_a_write_that_failed(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    writer.checkpoint("scripted", {"n": 1}, at_once=False)
    parts.connection.before["commit"] = [away]
    with pytest.raises(StoreUnavailable):
        writer.write(step(1))
    writer.write(step(1))
    assert stored(parts, lease) == {"scripted": {"n": 1}}


def test_that_a_provider_works_rides_on_the_event_that_shows_it(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    parts.measures.rest("scripted", lease.job.attempts[-1].started_at - 1, "provider_busy")
    writer = EventWriter(parts.parts, lease)
    writer.proven(Proof(provider="scripted", since=lease.job.attempts[-1].started_at))
    assert scripts_of(parts, lambda: writer.write(step(1))) == ["commit"]
    assert scripts_of(parts, writer.settle) == []
    found = parts.connection.redis.hgetall(keys.provider("scripted"))
    assert b"works" in found
    assert b"until" not in found


def test_that_a_provider_works_is_told_without_an_event_too(parts: WorkerParts) -> None:
    lease = parts.claim(parts.submit())
    writer = EventWriter(parts.parts, lease)
    writer.proven(Proof(provider="scripted", since=lease.job.attempts[-1].started_at))
    assert scripts_of(parts, writer.settle) == ["works"]


# -- few are written ---------------------------------------------------------------


def step(number: int) -> events.Progressed:
    return events.Progressed(at=float(number), stage="generating", step=number)


def test_the_first_passes_and_the_next_is_held_until_its_time() -> None:
    clock = Clock()
    throttle = Throttle(INTERVAL, PLACE, clock)
    assert throttle.offer(step(1)) == step(1)
    assert throttle.offer(step(2)) is None
    assert throttle.offer(step(3)) is None
    assert throttle.due() is None
    clock.at += INTERVAL
    assert throttle.due() == step(3)
    assert throttle.due() is None


def test_places_in_a_queue_are_written_less_often_and_the_begin_after_them_is_not() -> None:
    clock = Clock()
    throttle = Throttle(INTERVAL, PLACE, clock)
    place = [events.UpstreamQueued(at=1.0, rank=rank) for rank in range(4)]
    assert throttle.offer(place[3]) == place[3]
    clock.at += INTERVAL
    assert throttle.offer(place[2]) is None
    clock.at += PLACE - 2 * INTERVAL
    assert throttle.offer(place[1]) is None
    assert throttle.due() is None
    clock.at += INTERVAL
    assert throttle.due() == place[1]
    assert throttle.offer(place[0]) is None
    clock.at += INTERVAL
    assert throttle.offer(step(1)) == step(1)
    assert throttle.due() is None


def test_what_is_held_comes_out_before_something_else() -> None:
    throttle = Throttle(INTERVAL, PLACE, Clock())
    throttle.offer(step(1))
    throttle.offer(step(2))
    assert throttle.flush() == step(2)
    assert throttle.flush() is None


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["offer", "due", "flush"])), max_size=60))
def test_in_any_order_the_newest_is_written_and_never_an_older_one_after_it(moves: list[tuple[float, str]]) -> None:
    clock = Clock()
    throttle = Throttle(INTERVAL, PLACE, clock)
    offered, written = 0, [0]
    for pause, move in moves:
        clock.at += pause
        if move == "offer":
            offered += 1
            event = throttle.offer(step(offered))
        else:
            event = throttle.due() if move == "due" else throttle.flush()
        if event is not None:
            written.append(event.step or 0)  # type: ignore[union-attr]
    last = throttle.flush()
    written += [last.step or 0] if isinstance(last, events.Progressed) else []
    assert written == sorted(set(written))
    assert written[-1] == offered
