"""The worker's heartbeat: renews every lease, brings cancels to the jobs that run, and hands them back at a shutdown.

Without it the worker would go on as a zombie whose leases are all lost. So whatever ends it ends the process, at once.
An unforeseen error costs one beat: a lease holds for many of them, and when half of one has passed in nothing but
errors, the process ends as well.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from jobs import metrics
from jobs.errors import JobError, StoreUnavailable, WrongDatabase
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from resilience import Rounds, survive
from worker.attempts.outcome import CANCELED, HANDED_BACK, LEASE_LOST

log = logging.getLogger(__name__)

#: Least seconds between two beats, however many cancels come in.
_LEAST_SECONDS: Final = 0.05
#: The cursor of the log's end.
_END: Final = "$"
#: The part of a lease for which every beat may fail by an unforeseen error.
_PATIENCE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The times of a heartbeat, in seconds; a test hands in shorter ones.

    Args:
        beat: Between two beats; a lease is several of them.
        tick: Between two looks for progress that was held back, and for attempts whose time is over.
        grace: That running jobs get to finish after SIGTERM; then they are handed back.
        stuck: That a run gets to end after it was told to; then it is given up.
    """

    beat: float = 1.0
    tick: float = 0.25
    grace: float = 20.0
    stuck: float = 60.0


class Run(Protocol):
    """What a lease is kept for; :class:`worker.attempts.runner.Runner` is one."""

    job_id: str
    #: The number of the lease.
    fence: int
    #: Whether nothing is left for it but to end, as of the last :meth:`tick`.
    is_told_to_end: bool

    @property
    def attempts(self) -> int:
        """How many attempts run now."""
        ...

    def run(self) -> None:
        """Run to the end."""
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


class Heartbeat:
    """Signs of life of one worker process.

    Args:
        leases: On a connection of its own: no attempt can keep a beat waiting.
        worker: The worker's name.
        slots: Jobs at once.
        lease_seconds: How long a lease holds without a beat.
        counters: Sent to Redis with every beat.
        timings: How often it beats.
        die: Ends the process with a status; replaced in tests.
    """

    def __init__(
        self,
        leases: Leases,
        worker: str,
        slots: int,
        lease_seconds: float,
        counters: Counters,
        timings: Timings = Timings(),
        die: Callable[[int], object] = os._exit,
    ) -> None:
        self._leases = leases
        self.worker = worker
        self.slots = slots
        self.lease_seconds = lease_seconds
        self._counters = counters
        self._timings = timings
        self._runs: set[Run] = set()
        #: The runs that were told to end, and when this was seen.
        self._told: dict[Run, float] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._hand_back_at: float | None = None
        #: Of the log of cancels; the record has them too, so that one which was missed comes with the next beat.
        self._cursor = _END
        self._rounds = self._make_rounds(die)
        self._threads: tuple[threading.Thread, ...] = ()

    def _make_rounds(self, die: Callable[[int], object]) -> tuple[Rounds, ...]:
        count = partial(self._counters.add, metrics.THREAD_ERRORS)
        # Two threads: writing what was held back takes round trips, and leases must not wait for those.
        return (
            Rounds(
                log,
                "heartbeat",
                self._beat_on,
                self._stopped,
                what="no beat",
                seconds=_LEAST_SECONDS,
                retry=self._timings.beat,
                count=count,
                patience=self.lease_seconds * _PATIENCE,
                die=die,
            ),
            Rounds(
                log,
                "ticks",
                self._tick_on,
                self._stopped,
                what="nobody looks after the attempts now",
                seconds=self._timings.tick,
                count=count,
                die=die,
            ),
        )

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
            NoThread: This process can start no other thread.
        """
        self.beat()
        self._threads = tuple(rounds.start() for rounds in self._rounds)

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
        runs, stuck = self._sorted()
        # While it drains, its slots are just those in use: they add nothing to what others can take. Otherwise a second
        # attempt takes a slot of its own, for a job that counts once.
        hedges = sum(max(0, run.attempts - 1) for run in runs)
        slots = len(runs) if self.draining else max(0, self.slots - hedges - len(stuck))
        leases = [(run.job_id, run.fence) for run in runs]
        states = self._leases.beat(self.worker, slots, self.lease_seconds, leases)
        for run, state in zip(runs, states, strict=True):
            if state == 0:
                self._end(run, LEASE_LOST)
            elif state == 2:
                self._end(run, CANCELED)
        self._counters.flush()
        if stuck and not runs:
            self._give_up(len(stuck))

    def _sorted(self) -> tuple[list[Run], list[Run]]:
        """The runs that go on, and those that are stuck: their driver does not end when it is told to."""
        now, running = time.monotonic(), self.running()
        self._told = {run: self._told.get(run, now) for run in running if run.is_told_to_end}
        stuck = [run for run, at in self._told.items() if now - at >= self._timings.stuck]
        return [run for run in running if run not in stuck], stuck

    def _give_up(self, stuck: int) -> None:
        """Nothing runs but what is stuck, and nobody can end a thread: a new process has all slots again."""
        if not self.draining:
            # A job that is just being claimed runs to its end first.
            self.drain(patiently=True)
        elif not self._stopped.is_set():
            raise SystemExit(f"{stuck} attempts do not end, and nothing else runs")

    def _beat_on(self) -> None:
        """Wait for a cancel, or for the time of the next beat, and beat."""
        try:
            self._read_cancels()
            self.beat()
        except StoreUnavailable as error:
            # A wrong database is logged once, where it is noticed.
            log.log(logging.DEBUG if isinstance(error, WrongDatabase) else logging.WARNING, "no beat: %s", error)
            # A run may only wait to write its end.
            self._told.clear()
            self._stopped.wait(self._timings.beat)
        finally:
            if self._hand_back_at is not None and time.monotonic() >= self._hand_back_at:
                for run in self.running():
                    self._end(run, HANDED_BACK)

    def _read_cancels(self) -> None:
        # All workers read the same log: an entry that cannot be read must not end them all.
        with survive(
            log,
            "cancels come with the beats only",
            unless=(StoreUnavailable, MemoryError),
            count=lambda: self._counters.add(metrics.THREAD_ERRORS, "heartbeat"),
        ):
            self._cursor, canceled = self._leases.wait_for_cancels(self._cursor, self._timings.beat)
            for run in self.running():
                if run.job_id in canceled:
                    self._end(run, CANCELED)
            return
        self._cursor = _END
        self._stopped.wait(self._timings.beat)

    def _end(self, run: Run, reason: str) -> None:
        with survive(log, "the attempt could not be ended", job_id=run.job_id):
            run.cancel(reason)

    def _tick_on(self) -> None:
        for run in self.running():
            with survive(
                log, "held progress was not written", expected=(JobError,), level=logging.DEBUG, job_id=run.job_id
            ):
                run.tick()
