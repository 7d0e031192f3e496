"""Of many events few are written, and the newest is never lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs import events
from tests.support.clock import Clock
from worker.attempts.throttle import Throttle

INTERVAL = 0.2


def step(number: int) -> events.Progressed:
    return events.Progressed(at=float(number), stage="generating", step=number)


def test_the_first_passes_and_the_next_is_held_until_its_time() -> None:
    clock = Clock()
    throttle = Throttle(INTERVAL, clock)
    assert throttle.offer(step(1)) == step(1)
    assert throttle.offer(step(2)) is None
    assert throttle.offer(step(3)) is None
    assert throttle.due() is None
    clock.at += INTERVAL
    assert throttle.due() == step(3)
    assert throttle.due() is None


def test_what_is_held_comes_out_before_something_else() -> None:
    throttle = Throttle(INTERVAL, Clock())
    throttle.offer(step(1))
    throttle.offer(step(2))
    assert throttle.flush() == step(2)
    assert throttle.flush() is None


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["offer", "due", "flush"])), max_size=60))
def test_in_any_order_the_newest_is_written_and_never_an_older_one_after_it(moves: list[tuple[float, str]]) -> None:
    clock = Clock()
    throttle = Throttle(INTERVAL, clock)
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
