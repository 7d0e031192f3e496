"""Heads that take too long end, all others are left alone, and so is what comes after the head."""

from __future__ import annotations

import gevent
import pytest

from web.server.head_deadlines import HeadDeadlines


def test_each_head_has_its_own_time() -> None:
    heads = HeadDeadlines(0.3)
    heads.start(look_seconds=0.02)
    ends: dict[str, str] = {}

    def client(name: str, begins: float, head: float, rest: float) -> None:
        gevent.sleep(begins)
        ends[name] = "late"
        with heads:
            gevent.sleep(head)
            ends[name] = "in time"
        gevent.sleep(rest)

    slow = [gevent.spawn(client, f"slow {number}", 0.05 * number, 60.0, 0.0) for number in range(3)]
    good = [gevent.spawn(client, f"good {number}", 0.05 * number, 0.1, 0.5) for number in range(3)]
    gevent.joinall(slow + good, timeout=5, raise_error=True)
    assert ends == {
        f"{kind} {number}": end for kind, end in (("slow", "late"), ("good", "in time")) for number in range(3)
    }
    assert heads._ends == {}
    heads.close()


def test_nobody_ends_before_it_is_time() -> None:
    now = [0.0]
    heads = HeadDeadlines(30.0, lambda: now[0])
    heads.start(look_seconds=0.01)

    def wait() -> str:
        with heads:
            gevent.sleep(60)
        return "late"

    waiting = gevent.spawn(wait)
    gevent.sleep(0)
    now[0] = 29.9
    gevent.sleep(0.1)
    assert not waiting.ready()
    now[0] = 30.0
    assert waiting.get(timeout=5) == "late"
    heads.close()


def test_an_error_in_a_head_is_passed_on() -> None:
    heads = HeadDeadlines(1.0)
    with pytest.raises(OSError, match="reset"), heads:
        raise OSError("reset")
    assert heads._ends == {}


def test_one_that_ends_another_does_not_confuse_the_clock() -> None:
    """Both are late at once, and the end of the first ends the second."""
    heads = HeadDeadlines(0.05)
    heads.start(look_seconds=0.1)
    done: list[str] = []

    def second() -> None:
        with heads:
            gevent.sleep(60)
        done.append("second")

    def first() -> None:
        with heads:
            gevent.sleep(60)
        done.append("first")
        other.kill(block=False)

    one = gevent.spawn(first)
    other = gevent.spawn(second)
    gevent.joinall([one, other], timeout=5, raise_error=True)
    assert done[0] == "first"
    assert heads._ends == {}
    heads.close()
