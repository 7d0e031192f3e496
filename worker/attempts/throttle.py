"""Fewer writes: of many progress events only so many a second reach the record, and always the newest. Pure but for its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from jobs import events

#: Seconds between two writes of progress or queue position of one job.
INTERVAL: Final = 0.2


class Throttle:
    """Holds back what comes too fast; the newest one is never lost, only late.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrote_at = -INTERVAL
        self._held: events.JobEvent | None = None

    def offer(self, event: events.JobEvent) -> events.JobEvent | None:
        """The event itself where it may be written now; else None, and it is held."""
        if self._clock() - self._wrote_at < INTERVAL:
            self._held = event
            return None
        return self._pass(event)

    def due(self) -> events.JobEvent | None:
        """The held event once its time has come."""
        if self._held is None or self._clock() - self._wrote_at < INTERVAL:
            return None
        return self._pass(self._held)

    def flush(self) -> events.JobEvent | None:
        """The held event at once: something comes that must stand after it."""
        return None if self._held is None else self._pass(self._held)

    def _pass(self, event: events.JobEvent) -> events.JobEvent:
        self._held = None
        self._wrote_at = self._clock()
        return event
