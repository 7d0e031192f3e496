"""What is caught, what goes on, and what is written of it."""

from __future__ import annotations

import logging
from concurrent.futures import Future

import pytest

from resilience import ForeignError, foreign, settle, survive

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
