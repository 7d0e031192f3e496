"""Waiting for what another thread or process does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    check: Callable[[], T],
    what: str | Callable[[], str] = "",
    *,
    within: float = 30.0,
    despite: tuple[type[Exception], ...] = (),
) -> T:
    """Ask again until the answer is true, and give that answer.

    Args:
        check: What is asked, 20 times a second.
        what: What should become true, for the failure's text; a function is called when it failed.
        within: Seconds.
        despite: Exceptions that count as "not yet".

    Raises:
        AssertionError: It did not become true in time.
    """
    ends = time.monotonic() + within
    while True:
        answer = None
        with contextlib.suppress(*despite):
            answer = check()
        if answer:
            return answer
        if time.monotonic() >= ends:
            raise AssertionError(f"not within {within:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)
