from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from providers.base import Control
from providers.errors import Canceled, Unreachable
from providers.gradio.joint_answers import JointAnswers


def started(run: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Slow:
    """A question whose answer can be held back; answers 1, 2, 3 …."""

    def __init__(self) -> None:
        self.sent = 0
        self.sending, self.go = threading.Event(), threading.Event()

    def __call__(self) -> int:
        self.sent += 1
        number = self.sent
        self.sending.set()
        assert self.go.wait(10)
        return number


def test_those_who_ask_while_a_request_is_on_its_way_share_the_next_one() -> None:
    joint: JointAnswers[int] = JointAnswers()
    slow, found = Slow(), list[int | None]()
    first = started(lambda: found.append(joint.ask("a", slow, Control())))
    assert slow.sending.wait(10)
    others = [started(lambda: found.append(joint.ask("a", slow, Control()))) for _ in range(20)]
    while joint._lines["a"].following is None:
        time.sleep(0.001)
    time.sleep(0.1)
    slow.go.set()
    for thread in (first, *others):
        thread.join(10)
    # The first answer is too old for those who came after its request.
    assert sorted(found, key=str) == [1, *[2] * 20]
    assert joint._lines == {}


def test_each_answer_is_newer_than_the_question() -> None:
    joint: JointAnswers[float] = JointAnswers()
    sent: list[float] = []
    late: list[float] = []

    def send() -> float | None:
        began = time.monotonic()
        sent.append(began)
        time.sleep(random.uniform(0, 0.004))
        return began if random.random() < 0.9 else None

    def ask_often() -> None:
        for _ in range(40):
            asked = time.monotonic()
            answer = joint.ask("a", send, Control())
            if answer is not None and answer < asked:
                late.append(asked - answer)
            time.sleep(random.uniform(0, 0.002))

    for thread in [started(ask_often) for _ in range(16)]:
        thread.join(30)
    assert late == []
    assert len(sent) < 16 * 40 / 2
    assert joint._lines == {}


def test_different_questions_do_not_wait_for_each_other() -> None:
    joint: JointAnswers[int] = JointAnswers()
    slow = Slow()
    thread = started(lambda: joint.ask("a", slow, Control()))
    assert slow.sending.wait(10)
    assert joint.ask("b", lambda: 7, Control()) == 7
    slow.go.set()
    thread.join(10)


@pytest.mark.parametrize("raises", [True, False])
def test_a_failure_is_nobody_elses(*, raises: bool) -> None:
    joint: JointAnswers[int] = JointAnswers()
    slow, failing, go = Slow(), threading.Event(), threading.Event()
    first = started(lambda: joint.ask("a", slow, Control()))
    assert slow.sending.wait(10)

    def fail() -> int | None:
        failing.set()
        assert go.wait(10)
        if raises:
            raise Unreachable
        return None

    def second() -> None:
        if raises:
            with pytest.raises(Unreachable):
                joint.ask("a", fail, Control())
        else:
            assert joint.ask("a", fail, Control()) is None

    failed = started(second)
    while joint._lines["a"].following is None:
        time.sleep(0.001)
    found: list[int | None] = []
    third = started(lambda: found.append(joint.ask("a", lambda: 9, Control())))
    time.sleep(0.1)
    slow.go.set()
    assert failing.wait(10)
    go.set()
    for thread in (first, failed, third):
        thread.join(10)
    assert found == [9]
    assert joint._lines == {}


def test_who_waits_can_be_canceled_and_the_others_go_on() -> None:
    joint: JointAnswers[int] = JointAnswers()
    slow, control = Slow(), Control()
    first = started(lambda: joint.ask("a", slow, Control()))
    assert slow.sending.wait(10)
    control.cancel("by the user")
    with pytest.raises(Canceled):
        joint.ask("a", slow, control)
    assert joint._lines["a"].following is None
    slow.go.set()
    first.join(10)
    assert joint._lines == {}


def test_a_request_that_hangs_keeps_nobody_for_long() -> None:
    joint: JointAnswers[int] = JointAnswers(patience=0.3)
    slow = Slow()
    first = started(lambda: joint.ask("a", slow, Control()))
    assert slow.sending.wait(10)
    assert joint.ask("a", lambda: 9, Control()) == 9
    assert joint.ask("a", lambda: 10, Control()) == 10
    slow.go.set()
    first.join(10)
    assert joint._lines == {}
