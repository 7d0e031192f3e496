"""Celery's consumer, which sends what Flower shows some times a second, not after each turn of its loop.

A job makes three events. Where hundreds of jobs begin and end together, most were published alone: a fifteenth of the
worker's processor time. Celery keeps at most 24 of them back; then they go at once.
"""

from __future__ import annotations

import time
from typing import Any, Final

from celery.worker import consumer

#: Seconds for which an event waits for others.
PAUSE: Final = 0.25
#: Seconds after which a planned sending is given up for lost: timers end with the connection to the broker.
_LOST: Final = 2.0


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """``worker_consumer``."""

    #: Until when no other sending is planned (monotonic).
    _planned_until = 0.0

    def on_send_event_buffered(self) -> None:
        """Plan to send, from any thread."""
        hub: Any = self.hub
        if hub and (now := time.monotonic()) >= self._planned_until:
            self._planned_until = now + _LOST
            # Timers are the loop's own.
            hub.call_soon(self._plan)

    def _plan(self) -> None:
        self.hub.call_later(PAUSE, self._send)

    def _send(self) -> None:
        # First: an event that comes meanwhile plans the next sending.
        self._planned_until = 0.0
        self._flush_events()
