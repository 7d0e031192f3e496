"""The loops of the scheduler process."""

from __future__ import annotations

import threading

import pytest

from jobs.errors import StoreUnavailable
from worker.scheduler.__main__ import repeat


def test_a_round_that_fails_keeps_no_other_from_being_done(caplog: pytest.LogCaptureFixture) -> None:
    stopped = threading.Event()
    errors: list[Exception] = [ValueError("unforeseen"), StoreUnavailable("gone")]

    def turn() -> None:
        if errors:
            raise errors.pop(0)
        stopped.set()

    repeat(turn, 0.0, stopped, "no probes now")
    assert [(record.getMessage(), record.exc_info is not None) for record in caplog.records] == [
        ("no probes now", True)
    ]
