"""Waiting for what another thread or process does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    check: Callable[[], T], what: str = "", *, within: float = 30.0, despite: tuple[type[Exception], ...] = ()
) -> T:
    """Ask again until the answer is true, and give that answer.

    Args:
        check: What is asked, 20 times a second.
        what: What should become true; the failure says that it did not.
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
        assert time.monotonic() < ends, f"not within {within:g} s: {what}"
        time.sleep(0.05)
