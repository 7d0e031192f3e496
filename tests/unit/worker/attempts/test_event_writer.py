"""Which of two attempts is further, and that writing holds no other up."""

from __future__ import annotations

from itertools import pairwise

from jobs import events
from tests.support.worker_parts import WorkerParts
from worker.attempts.event_writer import EventWriter, how_far

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
