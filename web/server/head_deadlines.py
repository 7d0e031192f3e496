"""How long a connection may lie idle, and the head of a request take: one clock for all connections.

A timer of its own for each head costs as much as reading it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import takewhile
from types import TracebackType
from typing import Any, Final

import gevent
from gevent import Greenlet

#: Between two looks: a head may take so much longer.
_LOOK_SECONDS: Final = 1.0


class HeadIsLate(BaseException):
    """The head did not come in time. Like gevent's own, so that nothing in between takes it for an error."""


class HeadDeadlines:
    """A context that ends in silence once it has lasted ``seconds``; for any number of greenlets at once."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        # All have the same time, so the first in it is the first that is late.
        self._ends: dict[Greenlet, float] = {}
        self._timer: Any = None

    def start(self, look_seconds: float = _LOOK_SECONDS) -> None:
        """Look from now on."""
        self._timer = gevent.get_hub().loop.timer(look_seconds, look_seconds)
        self._timer.start(self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.close()

    def __enter__(self) -> None:
        self._ends[gevent.getcurrent()] = self._clock() + self._seconds

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self._ends.pop(gevent.getcurrent(), None)
        return isinstance(error, HeadIsLate)

    def _look(self) -> None:
        """In the hub, where a greenlet that waits can be told."""
        now = self._clock()
        for greenlet, _ in [*takewhile(lambda one: one[1] <= now, self._ends.items())]:
            # Another one's end may have ended this one's wait as well.
            if greenlet in self._ends:
                greenlet.throw(HeadIsLate)
