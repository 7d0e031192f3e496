"""The worker's heart: renews every lease, brings cancels to the attempts that run, and ends them at a shutdown.

Without it the worker would go on as a zombie whose leases are all lost. So
when it stops for a reason that nobody foresaw, the process ends with it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from jobs.errors import JobError, StoreUnavailable, WrongDatabase
from jobs.record.store import JobStore
from worker.attempts.runner import CANCELED, HANDED_BACK, LEASE_LOST, Attempt

log = logging.getLogger(__name__)

#: Seconds between two beats; a lease is several of them.
BEAT_SECONDS: Final = 1.0
#: Seconds between two looks for progress that was held back, and for attempts whose time is over.
TICK_SECONDS: Final = 0.25
#: Exit status of a process whose heart stopped (EX_SOFTWARE).
_EXIT_STATUS: Final = 70


def _end_process() -> None:
    os._exit(_EXIT_STATUS)


class Heartbeat:
    """Signs of life of one worker process.

    Args:
        store: The records, on a connection of its own: no attempt can keep a beat waiting.
        worker: The worker's name.
        slots: Jobs at once.
        lease_seconds: How long a lease holds without a beat.
        die: Ends the process; replaced in tests.
    """

    def __init__(
        self, store: JobStore, worker: str, slots: int, lease_seconds: float, die: Callable[[], None] = _end_process
    ) -> None:
        self._store = store
        self.worker = worker
        self.slots = slots
        self.lease_seconds = lease_seconds
        self._die = die
        self._attempts: set[Attempt] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._hand_back_at: float | None = None
        # Two threads: writing what was held back takes round trips, and leases must not wait for those.
        self._threads = [
            threading.Thread(target=self._guard, args=(part,), name=name, daemon=True)
            for name, part in (("heart", self._live), ("ticks", self._tick))
        ]

    @property
    def draining(self) -> bool:
        """Whether the worker takes no more jobs."""
        return self._hand_back_at is not None

    def has_room(self) -> bool:
        """Whether a job that runs here may have a second arm: it takes a slot, too."""
        return not self.draining and sum(attempt.arms for attempt in self.running()) < self.slots

    def start(self) -> None:
        """Begin to beat; the worker is known to the scheduler when this returns.

        Raises:
            StoreUnavailable: It could not be made known.
        """
        self._beat()
        for thread in self._threads:
            thread.start()

    def drain(self, grace: float) -> None:
        """Take no more jobs; what still runs after ``grace`` seconds is handed back.

        Only sets a number, since it is called in a signal handler, where the
        main thread may hold any lock. A second call can only shorten the time.
        """
        at = time.monotonic() + grace
        self._hand_back_at = at if self._hand_back_at is None else min(at, self._hand_back_at)

    def stop(self) -> None:
        """Stop beating and sign off. Attempts that still run lose their lease after a while."""
        self.drain(0.0)
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)
        try:
            self._store.beat(self.worker, 0, self.lease_seconds, [])
        except StoreUnavailable:
            log.warning("could not sign off; the scheduler notices by itself")

    @contextmanager
    def keeping(self, attempt: Attempt) -> Iterator[None]:
        """Keep this attempt's lease alive while the block runs."""
        self.add(attempt)
        try:
            yield
        finally:
            self.remove(attempt)

    def add(self, attempt: Attempt) -> None:
        """Keep this attempt's lease alive."""
        with self._lock:
            self._attempts.add(attempt)

    def remove(self, attempt: Attempt) -> None:
        """The attempt has ended. Another one of the same job may run here already, and goes on."""
        with self._lock:
            self._attempts.discard(attempt)

    def running(self) -> tuple[Attempt, ...]:
        """The attempts that run now."""
        with self._lock:
            return tuple(self._attempts)

    def _guard(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException:
            log.critical("the heart stopped; the process ends, so that its jobs go elsewhere", exc_info=True)
            self._die()

    def _live(self) -> None:
        cursor = "$"
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                cursor, canceled = self._store.wait_control(cursor, BEAT_SECONDS)
                for attempt in self.running():
                    if attempt.job_id in canceled:
                        attempt.cancel(CANCELED)
                self._beat()
            except StoreUnavailable as error:
                # A wrong database is said aloud once, where it is noticed.
                log.log(logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING, "no beat: %s", error)
                self._stopped.wait(BEAT_SECONDS)
            if self._hand_back_at is not None and time.monotonic() >= self._hand_back_at:
                for attempt in self.running():
                    attempt.cancel(HANDED_BACK)
            # A cancel wakes the wait early; many of them must not turn into many beats.
            self._stopped.wait(max(0.0, 0.05 - (time.monotonic() - began)))

    def _beat(self) -> None:
        attempts = self.running()
        # While it drains, its slots are just those in use: they add nothing to what others can take. Otherwise second
        # arms take a slot each, for a job that counts once.
        hedges = sum(max(0, attempt.arms - 1) for attempt in attempts)
        slots = len(attempts) if self.draining else self.slots - hedges
        leases = [(attempt.job_id, attempt.fence) for attempt in attempts]
        states = self._store.beat(self.worker, slots, self.lease_seconds, leases)
        for attempt, state in zip(attempts, states, strict=True):
            if state == 0:
                attempt.cancel(LEASE_LOST)
            elif state == 2:
                attempt.cancel(CANCELED)

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            for attempt in self.running():
                try:
                    attempt.tick()
                except JobError as error:
                    log.debug("held progress was not written: %s", error)
