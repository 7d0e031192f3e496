"""What is caught, what goes on, and what is written of it."""

from __future__ import annotations

import contextvars
import logging
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from resilience import EXIT_STATUS, ForeignError, NoThread, Rounds, aside, beside, foreign, later, settle, survive
from tests.support.eventually import eventually

log = logging.getLogger(__name__)


def test_a_bad_item_does_not_stop_the_rest_and_leaves_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    done = []
    for number in (1, 0, 2):
        with survive(log, "a number cannot be divided", number=number):
            done.append(2 // number)
    assert done == [2, 1]
    (record,) = caplog.records
    assert (record.getMessage(), record.levelname, vars(record)["number"]) == ("a number cannot be divided", "ERROR", 0)
    assert record.exc_info is not None


def test_an_expected_error_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with survive(log, "no file", expected=(OSError,)):
        raise FileNotFoundError("a.png")
    (record,) = caplog.records
    assert (record.getMessage(), record.levelname, record.exc_info) == ("no file: a.png", "WARNING", None)


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_what_is_not_to_be_held_back_goes_on(error: BaseException) -> None:
    with pytest.raises(type(error)), survive(log, "it stumbled", unless=(KeyError,)):
        raise error


def test_whatever_foreign_code_raises_becomes_one_error_with_its_cause() -> None:
    with pytest.raises(ForeignError) as caught, foreign():
        raise ZeroDivisionError("theirs")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(OSError, match="it said theirs"), foreign(lambda error: OSError(f"it said {error}")):
        raise ZeroDivisionError("theirs")
    with pytest.raises(ValueError, match="ours"), foreign(unless=(ValueError,)):
        raise ValueError("ours")


def test_work_leaves_its_result_or_its_error_to_whoever_waits() -> None:
    future: Future[int] = Future()
    settle(future, lambda: 7)
    assert future.result(0) == 7
    future = Future()
    settle(future, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        future.result(0)


# -- threads -----------------------------------------------------------------


class Foreign(BaseException):
    """Of code that means to end more than itself."""


class Script:
    """Rounds that raise one error after the other, then stop."""

    def __init__(self, *errors: BaseException | None, **options: object) -> None:
        self.errors = list(errors)
        self.stopped = threading.Event()
        self.counted: list[str] = []
        self.deaths: list[int] = []
        self.rounds = Rounds(
            log, "test", self.turn, self.stopped, what="no tests now", retry=0.0, expected=(LookupError,),
            count=self.counted.append, die=self.deaths.append, **options,  # type: ignore[arg-type]
        )  # fmt: skip

    def turn(self) -> None:
        if not self.errors:
            self.stopped.set()
        elif (error := self.errors.pop(0)) is not None:
            raise error

    def run(self) -> Script:
        self.rounds.start().join(5)
        return self


def test_an_unforeseen_error_costs_one_round_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(ValueError("x"), LookupError("y"), None, RuntimeError("z")).run()
    assert (script.stopped.is_set(), script.deaths, script.counted) == (True, [], ["test", "test"])
    assert [(record.getMessage(), record.exc_info is not None) for record in caplog.records] == [
        ("no tests now", True), ("no tests now", True),
    ]  # fmt: skip


@pytest.mark.parametrize("error", [MemoryError(), SystemExit(0), KeyboardInterrupt(), Foreign(), GeneratorExit()])
def test_what_no_next_round_can_mend_ends_the_process(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    script = Script(error).run()
    assert (script.stopped.is_set(), script.deaths) == (False, [EXIT_STATUS])
    assert caplog.records[-1].levelname == "CRITICAL"
    assert "the thread test cannot go on; the process ends" in caplog.records[-1].getMessage()


def test_rounds_that_only_fail_end_the_process_when_the_patience_is_over() -> None:
    assert Script(*[ValueError()] * 3, patience=0.0).run().deaths == [EXIT_STATUS]
    assert Script(*[ValueError()] * 3, patience=60.0).run().deaths == []
    # What is expected is no reason, for however long.
    assert Script(*[LookupError()] * 3, patience=0.0).run().deaths == []


def test_the_process_really_ends_and_says_why() -> None:
    """At once, whatever else it does: the supervisor starts it again."""
    code = "import resilience, threading; resilience.beside('side', lambda: 1 // 0); threading.Event().wait(60)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == EXIT_STATUS
    assert "the thread side cannot go on" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


def test_a_piece_of_work_keeps_its_context_and_gives_its_result_or_whatever_it_raises() -> None:
    name = contextvars.ContextVar("name", default="nobody")
    name.set("job_1")
    assert aside("work", name.get).result(5) == "job_1"
    for error in (ValueError("x"), SystemExit(1), Foreign()):

        def fail(error: BaseException = error) -> None:
            raise error

        assert aside("work", fail).exception(5) is error


def test_rounds_belong_to_nobody_who_happened_to_start_them() -> None:
    """The pump starts with the first watcher: its lines would name that request for ever."""
    name = contextvars.ContextVar("name", default="nobody")
    name.set("request_1")
    found: list[str] = []
    stopped = threading.Event()

    def turn() -> None:
        found.append(name.get())
        stopped.set()

    Rounds(log, "test", turn, stopped, what="no tests now").start().join(5)
    assert found == ["nobody"]


def test_a_time_limit_calls_once_or_is_canceled() -> None:
    calls: list[str] = []
    later("limit", 0.01, lambda: calls.append("called"))
    later("limit", 30, lambda: calls.append("never")).cancel()
    eventually(lambda: calls == ["called"], within=5)


def test_a_process_without_room_for_a_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(thread: threading.Thread) -> None:
        raise RuntimeError(f"can't start new thread {thread.name}")

    monkeypatch.setattr(threading.Thread, "start", full)
    for start in (
        lambda: aside("work", print), lambda: beside("work", print), lambda: later("limit", 1, print), Script().rounds.start,
    ):  # fmt: skip
        with pytest.raises(NoThread):
            start()
