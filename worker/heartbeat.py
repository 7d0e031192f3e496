"""The worker's heartbeat: renews every lease, brings cancels to the jobs that run, and hands them back at a shutdown.

Without it the worker would go on as a zombie whose leases are all lost. So when it stops for an unforeseen reason, the
process ends with it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from jobs.errors import JobError, StoreUnavailable, WrongDatabase
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from resilience import survive
from worker.attempts.reasons import CANCELED, HANDED_BACK, LEASE_LOST

log = logging.getLogger(__name__)

#: Exit status of a process whose heartbeat stopped (EX_SOFTWARE).
_EXIT_STATUS: Final = 70
#: Least seconds between two beats, however many cancels come in.
_LEAST_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The times of a heartbeat, in seconds; a test hands in shorter ones.

    Args:
        beat: Between two beats; a lease is several of them.
        tick: Between two looks for progress that was held back, and for attempts whose time is over.
        grace: That running jobs get to finish after SIGTERM; then they are handed back.
    """

    beat: float = 1.0
    tick: float = 0.25
    grace: float = 20.0


class Run(Protocol):
    """What a lease is kept for; :class:`worker.attempts.runner.Runner` is one."""

    @property
    def job_id(self) -> str:
        """The job."""
        ...

    @property
    def fence(self) -> int:
        """The number of the lease."""
        ...

    @property
    def attempts(self) -> int:
        """How many attempts run now."""
        ...

    def cancel(self, reason: str) -> None:
        """End it from outside."""
        ...

    def tick(self) -> None:
        """Look whether it is time for something.

        Raises:
            JobError: It could not be written.
        """
        ...


def _end_process() -> None:
    os._exit(_EXIT_STATUS)


class Heartbeat:
    """Signs of life of one worker process.

    Args:
        leases: Leases, on a connection of its own: no attempt can keep a beat waiting.
        worker: The worker's name.
        slots: Jobs at once.
        lease_seconds: How long a lease holds without a beat.
        counters: Sent to Redis with every beat.
        timings: How often it beats.
        die: Ends the process; replaced in tests.
    """

    def __init__(
        self,
        leases: Leases,
        worker: str,
        slots: int,
        lease_seconds: float,
        counters: Counters,
        timings: Timings = Timings(),
        die: Callable[[], None] = _end_process,
    ) -> None:
        self._leases = leases
        self.worker = worker
        self.slots = slots
        self.lease_seconds = lease_seconds
        self._counters = counters
        self._timings = timings
        self._die = die
        self._runs: set[Run] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._hand_back_at: float | None = None
        # Two threads: writing what was held back takes round trips, and leases must not wait for those.
        self._threads = [
            threading.Thread(target=self._guard, args=(part,), name=name, daemon=True)
            for name, part in (("heartbeat", self._beat_on), ("ticks", self._tick_on))
        ]

    @property
    def draining(self) -> bool:
        """Whether the worker takes no more jobs."""
        return self._hand_back_at is not None

    def has_room(self) -> bool:
        """Whether a job that runs here may have a second attempt, which takes a slot too."""
        return not self.draining and sum(run.attempts for run in self.running()) < self.slots

    def start(self) -> None:
        """Begin to beat; the worker is known to the scheduler when this returns.

        Raises:
            StoreUnavailable: It could not be made known.
        """
        self.beat()
        for thread in self._threads:
            thread.start()

    def drain(self, *, patiently: bool) -> None:
        """Take no more jobs, and hand back those that still run after the grace (at once where not ``patiently``).

        Only sets a number, since it is called in a signal handler, where the main thread may hold any lock. A second
        call can only shorten the time.
        """
        at = time.monotonic() + (self._timings.grace if patiently else 0.0)
        self._hand_back_at = at if self._hand_back_at is None else min(at, self._hand_back_at)

    def stop(self) -> None:
        """Stop beating and sign off. Jobs that still run lose their lease after a while."""
        self.drain(patiently=False)
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)
        try:
            self._leases.beat(self.worker, 0, self.lease_seconds, [])
            self._counters.flush()
        except StoreUnavailable:
            log.warning("could not sign off; the scheduler notices by itself")

    @contextmanager
    def keeping(self, run: Run) -> Iterator[None]:
        """Keep this run's lease alive while the block runs."""
        with self._lock:
            self._runs.add(run)
        try:
            yield
        finally:
            # Another run of the same job may have begun here already, and goes on.
            with self._lock:
                self._runs.discard(run)

    def running(self) -> tuple[Run, ...]:
        """The runs whose leases are kept alive."""
        with self._lock:
            return tuple(self._runs)

    def beat(self) -> None:
        """Give one sign of life, renew all leases, and end what lost its lease or was canceled.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        runs = self.running()
        # While it drains, its slots are just those in use: they add nothing to what others can take. Otherwise a second
        # attempt takes a slot of its own, for a job that counts once.
        hedges = sum(max(0, run.attempts - 1) for run in runs)
        slots = len(runs) if self.draining else self.slots - hedges
        leases = [(run.job_id, run.fence) for run in runs]
        states = self._leases.beat(self.worker, slots, self.lease_seconds, leases)
        for run, state in zip(runs, states, strict=True):
            if state == 0:
                run.cancel(LEASE_LOST)
            elif state == 2:
                run.cancel(CANCELED)
        self._counters.flush()

    def _guard(self, part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException:
            log.critical("the heartbeat stopped; the process ends, so that its jobs go elsewhere", exc_info=True)
            self._die()

    def _beat_on(self) -> None:
        cursor = "$"
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                cursor, canceled = self._leases.wait_for_cancels(cursor, self._timings.beat)
                for run in self.running():
                    if run.job_id in canceled:
                        run.cancel(CANCELED)
                self.beat()
            except StoreUnavailable as error:
                # A wrong database is logged once, where it is noticed.
                log.log(logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING, "no beat: %s", error)
                self._stopped.wait(self._timings.beat)
            if self._hand_back_at is not None and time.monotonic() >= self._hand_back_at:
                for run in self.running():
                    run.cancel(HANDED_BACK)
            # A cancel wakes the wait early; many of them must not turn into many beats.
            self._stopped.wait(max(0.0, _LEAST_SECONDS - (time.monotonic() - began)))

    def _tick_on(self) -> None:
        while not self._stopped.wait(self._timings.tick):
            for run in self.running():
                with survive(
                    log,
                    "held progress was not written",
                    expected=(JobError,),
                    level=logging.DEBUG,
                    job_id=run.job_id,
                ):
                    run.tick()
