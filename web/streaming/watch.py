"""One watcher of one job: what waits for it, and how it waits."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from jobs.record.types import LoggedEvent

#: A pause notices after so many seconds that the client has hung up.
_PAUSE_SECONDS = 0.25

#: Reads the events of a job after one of them.
Log = Callable[[str, str], Sequence[LoggedEvent]]


class HungUp(Exception):
    """The client of a watcher has closed its connection."""


class Watch:
    """One watcher of one job. It must be closed.

    There may be a thousand in a process, so each holds one lock, which rings when there is something, and a plain list:
    a queue of the standard library has seven locks and four deques, 5 KB.

    Args:
        job_id: The job.
        owner: Who has the place.
        after: The last event that is known.
        backlog: Events that wait at most. One that falls behind catches up from the log.
        log: Reads the log.
        close: Stops watching.
        behind: Whether it has to begin with the log.
    """

    __slots__ = (
        "_backlog", "_behind", "_bell", "_close", "_last", "_log", "_waiting", "descriptor", "is_left", "job_id", "owner",
    )  # fmt: skip

    def __init__(
        self,
        job_id: str,
        owner: str | None,
        after: str,
        *,
        backlog: int,
        log: Log,
        close: Callable[[Watch], None],
        behind: bool,
    ) -> None:
        self.job_id = job_id
        self.owner = owner
        #: Whether its client has hung up.
        self.is_left = False
        #: Its client's connection, as the pump looks after it.
        self.descriptor: int | None = None
        self._backlog = backlog
        self._log = log
        self._close = close
        self._last = after
        self._behind = behind
        self._waiting: list[LoggedEvent] = []
        #: Free while there is something that was not looked at.
        self._bell = threading.Lock()
        self._bell.acquire()

    @property
    def last(self) -> str:
        """The last event that it was given, or began after."""
        return self._last

    @property
    def backlog(self) -> int:
        """The number of events that wait for it."""
        return len(self._waiting)

    def news(self, timeout: float) -> Sequence[LoggedEvent]:
        """The next events, oldest first; empty after ``timeout`` seconds without any.

        Raises:
            StoreUnavailable: Catching up from the log failed.
            HungUp: Nobody waits for them any more.
        """
        if self.is_left:
            raise HungUp
        if self._behind and not self._waiting:
            self._behind = False
            if found := self._fresh(self._log(self.job_id, self._last)):
                return found
        deadline = time.monotonic() + timeout
        while True:
            found = self._fresh(self._take(deadline))
            if found or self._behind or time.monotonic() >= deadline:
                return found

    def pause(self, seconds: float) -> None:
        """Wait without news, at most until the client hangs up."""
        ends = time.monotonic() + seconds
        while not self.is_left and time.monotonic() < ends:
            time.sleep(min(seconds, _PAUSE_SECONDS))

    def close(self) -> None:
        """Stop watching."""
        self._close(self)

    def hang_up(self) -> None:
        """Let nobody wait for news any more: the client has hung up."""
        self.is_left = True
        self._ring()

    def put(self, events: Sequence[LoggedEvent]) -> None:
        """Add events; the pump calls it. After an overflow nothing more is added until the watcher has caught up."""
        for event in () if self._behind else events:
            if len(self._waiting) >= self._backlog:
                self._behind = True
                break
            self._waiting.append(event)
        self._ring()

    def _ring(self) -> None:
        # It may ring already.
        with contextlib.suppress(RuntimeError):
            self._bell.release()

    def _take(self, deadline: float) -> list[LoggedEvent]:
        """What waits; nothing where nothing came in time."""
        self._bell.acquire(timeout=max(0.001, deadline - time.monotonic()))
        if self.is_left:
            raise HungUp
        found = []
        # One by one: the pump may add some at the same time.
        while self._waiting:
            found.append(self._waiting.pop(0))
        return found

    def _fresh(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The events that this watcher has not seen yet: the log and the pump may both bring one."""
        last = event_order(self._last)
        fresh = [event for event in events if event_order(event.id) > last]
        if fresh:
            self._last = fresh[-1].id
        return fresh


def event_order(event_id: str) -> tuple[int, int]:
    """An event id as numbers that can be compared."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)
