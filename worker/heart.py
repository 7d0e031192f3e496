"""The worker's heart: one thread that renews every lease, and brings cancels to the attempts that run."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from jobs.errors import JobError, StoreUnavailable
from jobs.store import JobStore
from worker.runner import CANCELED, HANDED_BACK, LEASE_LOST, Attempt

log = logging.getLogger(__name__)

#: Seconds between two beats; a lease is several of them.
BEAT_SECONDS: Final = 1.0


class Heart:
    """Signs of life of one worker process.

    Args:
        store: The records.
        worker: The worker's name.
        slots: Jobs at once.
        lease_seconds: How long a lease holds without a beat.
    """

    def __init__(self, store: JobStore, worker: str, slots: int, lease_seconds: float) -> None:
        self._store = store
        self.worker = worker
        self._slots = slots
        self.lease_seconds = lease_seconds
        self._attempts: dict[str, Attempt] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heart", daemon=True)

    def start(self) -> None:
        """Begin to beat; the worker is known to the scheduler when this returns."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Take no more jobs and stop beating. Attempts that still run lose their lease after a while."""
        self.drain()
        self._stopped.set()
        self._thread.join(timeout=5)
        try:
            self._beat()
        except StoreUnavailable:
            log.warning("could not sign off; the scheduler notices by itself")

    def drain(self) -> None:
        """Offer no more slots; what runs goes on."""
        self._slots = 0

    def hand_back(self) -> None:
        """End every running attempt so that another worker takes its job."""
        for attempt in self.running():
            attempt.cancel(HANDED_BACK)

    def running(self) -> tuple[Attempt, ...]:
        """The attempts that run now."""
        with self._lock:
            return tuple(self._attempts.values())

    def add(self, job_id: str, attempt: Attempt) -> None:
        """Keep this attempt's lease alive."""
        with self._lock:
            self._attempts[job_id] = attempt

    def remove(self, job_id: str) -> None:
        """The attempt has ended."""
        with self._lock:
            self._attempts.pop(job_id, None)

    def _live(self) -> None:
        cursor = "$"
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                cursor, canceled = self._store.wait_control(cursor, BEAT_SECONDS)
                self._cancel(canceled)
                self._beat()
            except StoreUnavailable as error:
                log.warning("no beat: %s", error)
                self._stopped.wait(BEAT_SECONDS)
            # A cancel wakes the wait early; many of them must not turn into many beats.
            self._stopped.wait(max(0.0, 0.05 - (time.monotonic() - began)))

    def _cancel(self, job_ids: tuple[str, ...]) -> None:
        with self._lock:
            attempts = [self._attempts[job_id] for job_id in job_ids if job_id in self._attempts]
        for attempt in attempts:
            attempt.cancel(CANCELED)

    def _beat(self) -> None:
        with self._lock:
            attempts = dict(self._attempts)
        fences = {job_id: attempt.fence for job_id, attempt in attempts.items()}
        held = self._store.beat(self.worker, self._slots, self.lease_seconds, self.lease_seconds, fences)
        for job_id, state in held.items():
            if state == 0:
                attempts[job_id].cancel(LEASE_LOST)
            elif state == 2:
                attempts[job_id].cancel(CANCELED)
            else:
                self._tick(attempts[job_id])

    @staticmethod
    def _tick(attempt: Attempt) -> None:
        try:
            attempt.tick()
        except JobError as error:
            log.debug("held progress was not written: %s", error)
