"""One pump per process brings the events of all watched jobs; a watcher costs no Redis connection.

The pump reads the logs of all watched jobs in one blocking read. Each watcher
has a bounded queue; one that falls behind, or joins a job that others watch
already, catches up from the log itself. So nothing is lost and memory is
bounded.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from jobs.errors import StoreUnavailable
from jobs.record.nudge import Nudge
from jobs.record.reader import JobReader
from jobs.record.types import LoggedEvent
from resilience import survive
from web.counters import WATCHERS

log = logging.getLogger(__name__)

#: Watchers at once in one process, so that polls always find a free connection.
WATCHERS_LIMIT: Final = 1000
#: Seconds of one blocking read; a new watcher ends it early.
_READ_SECONDS: Final = 2.0


class TooManyWatchers(Exception):
    """The process has its maximum of watchers."""


class Watch:
    """One watcher of one job. It must be closed."""

    def __init__(self, pump: Pump, job_id: str, after: str, *, behind: bool) -> None:
        self.job_id = job_id
        self._pump = pump
        self._last = after
        self._behind = behind
        self._queue: queue.Queue[LoggedEvent] = queue.Queue(pump.backlog)

    def news(self, timeout: float) -> Sequence[LoggedEvent]:
        """The next events, oldest first; empty after ``timeout`` seconds without any.

        Raises:
            StoreUnavailable: Catching up from the log failed.
        """
        if self._behind and self._queue.empty():
            self._behind = False
            if found := self._fresh(self._pump.store.log(self.job_id, after=self._last)):
                return found
        deadline = time.monotonic() + timeout
        while True:
            found = self._fresh(self._waiting(deadline))
            if found or self._behind or time.monotonic() >= deadline:
                return found

    def close(self) -> None:
        """Stop watching."""
        self._pump.leave(self)

    def put(self, events: Sequence[LoggedEvent]) -> None:
        """Add events; the pump calls it. After an overflow nothing more is added until the watcher has caught up."""
        for event in () if self._behind else events:
            try:
                self._queue.put_nowait(event)
            except queue.Full:
                self._behind = True
                return

    def _waiting(self, deadline: float) -> list[LoggedEvent]:
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._queue.get(timeout=max(0.001, deadline - time.monotonic())))
            while True:
                found.append(self._queue.get_nowait())
        return found

    def _fresh(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The events that this watcher has not seen yet: the log and the pump may both bring one."""
        fresh = [event for event in events if event_order(event.id) > event_order(self._last)]
        if fresh:
            self._last = fresh[-1].id
        return fresh


class Pump:
    """Brings events to watchers. Its thread starts with the first watcher.

    Args:
        store: The records.
        nudge: Ends the blocking read when another job is watched.
        limit: Most watchers at once.
        backlog: Events that wait for one watcher before it has to catch up from the log.
        retry_seconds: The pause after Redis could not be reached.
    """

    def __init__(
        self,
        store: JobReader,
        nudge: Nudge,
        limit: int = WATCHERS_LIMIT,
        *,
        backlog: int = 100,
        retry_seconds: float = 0.5,
    ) -> None:
        self.store = store
        self.backlog = backlog
        self._limit = limit
        self._retry_seconds = retry_seconds
        self._nudge = nudge
        self._lock = threading.Lock()
        self._watches: dict[str, set[Watch]] = {}
        self._cursors: dict[str, str] = {}
        self._count = 0
        self._thread: threading.Thread | None = None
        self._closing = False

    @property
    def watchers(self) -> int:
        """The number of watchers."""
        return self._count

    def watch(self, job_id: str, after: str) -> Watch:
        """Watch a job from the event ``after`` on.

        Raises:
            TooManyWatchers: The maximum is reached.
        """
        with self._lock:
            if self._count >= self._limit or self._closing:
                raise TooManyWatchers
            others = self._watches.get(job_id)
            watch = Watch(self, job_id, after, behind=others is not None)
            self._count += 1
            WATCHERS.inc()
            if others is None:
                self._watches[job_id] = {watch}
                self._cursors[job_id] = after
            else:
                others.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="event-pump", daemon=True)
                self._thread.start()
        if others is None:
            # Otherwise the events of this job would come one read later.
            with contextlib.suppress(StoreUnavailable):
                self._nudge.send()
        return watch

    def leave(self, watch: Watch) -> None:
        """Forget a watcher. Repeating it does nothing."""
        with self._lock:
            watches = self._watches.get(watch.job_id, set())
            if watch not in watches:
                return
            watches.remove(watch)
            self._count -= 1
            WATCHERS.dec()
            if not watches:
                del self._watches[watch.job_id]
                del self._cursors[watch.job_id]

    def close(self) -> None:
        """Stop the thread. Watchers get no more events."""
        with self._lock:
            self._closing = True
            thread = self._thread
        if thread is not None:
            with contextlib.suppress(StoreUnavailable):
                self._nudge.send()
            thread.join(timeout=_READ_SECONDS + 3.0)

    def _run(self) -> None:
        while not self._closing:
            with self._lock:
                cursors = dict(self._cursors)
            # An unexpected error must not end the thread: the watchers would wait for ever.
            with survive(log, "events are late", expected=(StoreUnavailable,)):
                for job_id, events in self._nudge.wait_events(cursors, _READ_SECONDS).items():
                    self._bring(job_id, events)
                continue
            time.sleep(self._retry_seconds)

    def _bring(self, job_id: str, events: Sequence[LoggedEvent]) -> None:
        if not events:
            return
        with self._lock:
            if job_id not in self._cursors:
                return
            self._cursors[job_id] = max(self._cursors[job_id], events[-1].id, key=event_order)
            watches = tuple(self._watches[job_id])
        for watch in watches:
            watch.put(events)


def event_order(event_id: str) -> tuple[int, int]:
    """An event id as numbers that can be compared."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)
