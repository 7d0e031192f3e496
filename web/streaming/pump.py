"""One pump per process brings the events of all watched jobs; a watcher costs no Redis connection.

The pump reads the logs of all watched jobs in one blocking read. Each watcher
has a bounded queue; one that falls behind, or joins a job that others watch
already, catches up from the log itself. So nothing is lost and memory is
bounded.
"""

from __future__ import annotations

import contextlib
import logging
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
from web.streaming.watch import Watch

log = logging.getLogger(__name__)

#: For /metrics.
WATCHERS: Final = Gauge(metrics.WATCHERS.name, metrics.WATCHERS.help, multiprocess_mode="livesum")
#: Watchers at once in one process, so that polls always find a free connection.
WATCHERS_LIMIT: Final = 1000
#: Seconds of one blocking read; a new watcher ends it early.
_READ_SECONDS: Final = 2.0
#: A read names all watched jobs, so it costs in proportion to them, however few have news. Where many jobs are watched,
#: news is gathered between two reads for so long for each of them, and at most for so long.
_GATHER_SECONDS: Final = 0.0001
_GATHER_LONGEST: Final = 0.02
#: So many watchers are woken one after the other; then all else gets a turn, polls above all, for so many seconds.
_TOGETHER: Final = 32
_BREATH_SECONDS: Final = 0.001


class TooManyWatchers(Exception):
    """The process has its maximum of watchers, or no thread for them, or the owner has its share of them."""


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
        self._store = store
        self._backlog = backlog
        self._told = 0
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
            watch = self._made(job_id, owner, after, behind=others is not None)
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

    def _made(self, job_id: str, owner: str | None, after: str, *, behind: bool) -> Watch:
        return Watch(job_id, owner, after, backlog=self._backlog, log=self._log, close=self.leave, behind=behind)

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

    def _log(self, job_id: str, after: str) -> Sequence[LoggedEvent]:
        return self._store.log(job_id, after=after)

    def _bring_news(self) -> None:
        with self._lock:
            cursors = dict(self._cursors)
        found = self._nudge.wait_events(cursors, _READ_SECONDS)
        for job_id, events in found.items():
            with survive(log, "a job's events are late", count=lambda: self._count_error("event-pump"), job_id=job_id):
                self._bring(job_id, cursors[job_id], events)
        if found:
            self._closing.wait(min(_GATHER_LONGEST, len(cursors) * _GATHER_SECONDS))

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
            self._told += 1
            if self._told % _TOGETHER == 0:
                _breathe()


def _breathe() -> None:
    """Let all else have a turn: greenlets that were woken, and connections that have something."""
    time.sleep(_BREATH_SECONDS)
