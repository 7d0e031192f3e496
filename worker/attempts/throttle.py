"""Fewer writes: of many progress events only a few a second reach the record, and always the newest. Pure but for its clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from jobs import events


class Throttle:
    """Holds back events that come too fast; the newest is never lost, only late.

    Args:
        interval: Seconds between two events that pass.
        clock: Monotonic seconds.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._passed_at = -interval
        self._held: events.JobEvent | None = None

    def offer(self, event: events.JobEvent) -> events.JobEvent | None:
        """The event itself where it may be written now; else None, and it is held."""
        if self._clock() - self._passed_at < self._interval:
            self._held = event
            return None
        return self._pass(event)

    def due(self) -> events.JobEvent | None:
        """The held event, once it may be written."""
        if self._held is None or self._clock() - self._passed_at < self._interval:
            return None
        return self._pass(self._held)

    def flush(self) -> events.JobEvent | None:
        """The held event at once: another event comes that must stand after it."""
        return None if self._held is None else self._pass(self._held)

    def _pass(self, event: events.JobEvent) -> events.JobEvent:
        self._held = None
        self._passed_at = self._clock()
        return event
