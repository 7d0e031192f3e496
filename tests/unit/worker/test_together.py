"""What many ask for at once is done once for all of them, and never too early."""

from __future__ import annotations

import threading
import time

import pytest

from worker.together import Together


def test_what_is_asked_for_is_done_before_the_answer_where_nobody_else_asks() -> None:
    done: list[int] = []
    together = Together(lambda: done.append(1))
    together.ask()
    together.ask()
    assert len(done) == 2


def test_those_who_ask_within_a_moment_share_one_turn() -> None:
    begun = []
    together = Together(lambda: begun.append(time.monotonic()), moment=0.2)
    threads = [threading.Thread(target=together.ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1


def test_a_turn_begins_after_each_asking() -> None:
    """What was asked for while a turn was under way may have come too late for it."""
    works, go_on, begun = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.append(1)
        works.set()
        go_on.wait(10)

    together = Together(work, moment=0.0)
    first = threading.Thread(target=together.ask)
    first.start()
    assert works.wait(10)
    together.ask()
    go_on.set()
    first.join(10)
    assert len(begun) == 2


def test_a_turn_that_fails_keeps_no_later_one_from_its_work() -> None:
    turns = iter((True, False))

    def work() -> None:
        if next(turns):
            raise MemoryError

    together = Together(work, moment=0.0)
    with pytest.raises(MemoryError):
        together.ask()
    together.ask()
    assert next(turns, None) is None
