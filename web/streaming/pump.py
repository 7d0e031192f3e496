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
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from socket import socket
from typing import Final

from prometheus_client import Gauge

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.record.nudge import Nudge
from jobs.record.reader import JobReader
from jobs.record.types import LoggedEvent
from resilience import NoThread, Rounds, survive
from web.places import Places
from web.streaming.hang_ups import HangUps

log = logging.getLogger(__name__)

#: For /metrics.
WATCHERS: Final = Gauge(metrics.WATCHERS.name, metrics.WATCHERS.help, multiprocess_mode="livesum")
#: Watchers at once in one process, so that polls always find a free connection.
WATCHERS_LIMIT: Final = 1000
#: Seconds of one blocking read; a new watcher ends it early.
_READ_SECONDS: Final = 2.0
#: A pause notices after so many seconds that the client has hung up.
_PAUSE_SECONDS: Final = 0.25


class TooManyWatchers(Exception):
    """The process has its maximum of watchers, or no thread for them, or the owner has its share of them."""


class HungUp(Exception):
    """The client of a watcher has closed its connection."""


class Watch:
    """One watcher of one job. It must be closed."""

    def __init__(self, pump: Pump, job_id: str, owner: str | None, after: str, *, behind: bool) -> None:
        self.job_id = job_id
        self.owner = owner
        #: Whether its client has hung up.
        self.is_left = False
        #: Its client's connection, as the pump looks after it.
        self.descriptor: int | None = None
        self._pump = pump
        self._last = after
        self._behind = behind
        #: None: the client has hung up.
        self._queue: queue.Queue[LoggedEvent | None] = queue.Queue(pump.backlog)

    def news(self, timeout: float) -> Sequence[LoggedEvent]:
        """The next events, oldest first; empty after ``timeout`` seconds without any.

        Raises:
            StoreUnavailable: Catching up from the log failed.
            HungUp: Nobody waits for them any more.
        """
        if self.is_left:
            raise HungUp
        if self._behind and self._queue.empty():
            self._behind = False
            if found := self._fresh(self._pump.store.log(self.job_id, after=self._last)):
                return found
        deadline = time.monotonic() + timeout
        while True:
            found = self._fresh(self._waiting(deadline))
            if found or self._behind or time.monotonic() >= deadline:
                return found

    def pause(self, seconds: float) -> None:
        """Wait without news, at most until the client hangs up."""
        ends = time.monotonic() + seconds
        while not self.is_left and time.monotonic() < ends:
            time.sleep(min(seconds, _PAUSE_SECONDS))

    def close(self) -> None:
        """Stop watching."""
        self._pump.leave(self)

    def hang_up(self) -> None:
        """Let nobody wait for news any more: the client has hung up."""
        self.is_left = True
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def put(self, events: Sequence[LoggedEvent]) -> None:
        """Add events; the pump calls it. After an overflow nothing more is added until the watcher has caught up."""
        for event in () if self._behind else events:
            try:
                self._queue.put_nowait(event)
            except queue.Full:
                self._behind = True
                return

    def _waiting(self, deadline: float) -> list[LoggedEvent]:
        found: list[LoggedEvent | None] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._queue.get(timeout=max(0.001, deadline - time.monotonic())))
            while True:
                found.append(self._queue.get_nowait())
        if self.is_left:
            raise HungUp
        return [event for event in found if event is not None]

    def _fresh(self, events: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The events that this watcher has not seen yet: the log and the pump may both bring one."""
        fresh = [event for event in events if event_order(event.id) > event_order(self._last)]
        if fresh:
            self._last = fresh[-1].id
        return fresh


class Pump:
    """Brings events to watchers. Its thread starts with the first watcher.

    Args:
        nudge: Ends the blocking read when another job is watched.
        limit: Most watchers at once.
        backlog: Events that wait for one watcher before it has to catch up from the log.
        retry_seconds: The pause after Redis could not be reached.
        count: Counts an unforeseen error, by the thread's name.
    """

    def __init__(
        self,
        store: JobReader,
        nudge: Nudge,
        limit: int = WATCHERS_LIMIT,
        *,
        backlog: int = 100,
        retry_seconds: float = 0.5,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.store = store
        self.backlog = backlog
        self._places = Places(limit)
        self._count_error = count
        self._nudge = nudge
        self._hang_ups = HangUps(count=count)
        self._lock = threading.Lock()
        self._watches: dict[str, set[Watch]] = {}
        self._cursors: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._rounds = Rounds(
            log,
            "event-pump",
            self._bring_news,
            self._closing,
            what="events are late",
            retry=retry_seconds,
            expected=(StoreUnavailable,),
            level=logging.WARNING,
            count=count,
        )

    @property
    def watchers(self) -> int:
        """The number of watchers."""
        return self._places.taken

    def watch(self, job_id: str, after: str, *, owner: str | None = None, client: socket | None = None) -> Watch:
        """Watch a job.

        Args:
            job_id: The job.
            after: The last event that is known.
            owner: Who watches: nobody can take all places.
            client: The connection of who waits. Once its client has hung up, :meth:`Watch.news` raises.

        Raises:
            TooManyWatchers: The maximum is reached.
        """
        with self._lock:
            if self._closing.is_set():
                raise TooManyWatchers
            others = self._watches.get(job_id)
            watch = Watch(self, job_id, owner, after, behind=others is not None)
            self._take_place(watch, client)
            if others is None:
                self._watches[job_id] = {watch}
                self._cursors[job_id] = after
            else:
                others.add(watch)
        if others is None:
            # Otherwise the events of this job would come one read later.
            with contextlib.suppress(StoreUnavailable):
                self._nudge.send()
        return watch

    def _take_place(self, watch: Watch, client: socket | None) -> None:
        with ExitStack() as failed:
            try:
                # Before anything is counted: where no thread can be started, the next watcher tries again.
                self._thread = self._thread or self._rounds.start()
                if client is not None:
                    watch.descriptor = self._hang_ups.add(client, watch.hang_up)
                    failed.callback(self._hang_ups.remove, watch.descriptor)
            except NoThread as error:
                raise TooManyWatchers from error
            if not self._places.take(watch.owner):
                raise TooManyWatchers
            failed.pop_all()
        WATCHERS.inc()

    def leave(self, watch: Watch) -> None:
        """Forget a watcher. Repeating it does nothing."""
        with self._lock:
            watches = self._watches.get(watch.job_id, set())
            if watch not in watches:
                return
            watches.remove(watch)
            if watch.descriptor is not None:
                self._hang_ups.remove(watch.descriptor)
            self._places.give_back(watch.owner)
            WATCHERS.dec()
            if not watches:
                del self._watches[watch.job_id]
                del self._cursors[watch.job_id]

    def close(self) -> None:
        """Stop the thread. Watchers get no more events."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        self._hang_ups.close()
        if thread is not None:
            with contextlib.suppress(StoreUnavailable):
                self._nudge.send()
            thread.join(timeout=_READ_SECONDS + 3.0)

    def _bring_news(self) -> None:
        with self._lock:
            cursors = dict(self._cursors)
        for job_id, events in self._nudge.wait_events(cursors, _READ_SECONDS).items():
            with survive(log, "a job's events are late", count=lambda: self._count_error("event-pump"), job_id=job_id):
                self._bring(job_id, cursors[job_id], events)

    def _bring(self, job_id: str, after: str, events: Sequence[LoggedEvent]) -> None:
        """Give the watchers of a job the events that were read from ``after`` on."""
        if not events:
            return
        with self._lock:
            # Its last watcher may have left meanwhile, and another come who starts elsewhere: the next read is for that one.
            if self._cursors.get(job_id) != after:
                return
            self._cursors[job_id] = events[-1].id
            watches = tuple(self._watches[job_id])
        for watch in watches:
            watch.put(events)


def event_order(event_id: str) -> tuple[int, int]:
    """An event id as numbers that can be compared."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number or 0)
