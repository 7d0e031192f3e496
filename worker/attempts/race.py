"""A race of two attempts: where a job asked for it and its provider takes long, the next provider is asked as well.

One thread decides (the one that Celery gave to the job), one more runs each attempt. The first result counts, and the
other attempt is ended as by a cancel; where one fails, the other goes on. Both write under the one lease of the job.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from jobs import events, model
from jobs.failpoints import failpoint
from jobs.model import Failure, Job
from jobs.record.types import Lease
from jobs.scheduling.health import hedge_after
from resilience import ForeignError, NoThread, beside, foreign, settle, survive
from worker.attempts.attempt import Attempt
from worker.attempts.event_writer import EventWriter
from worker.attempts.outcome import ABANDONED, NO_THREAD, OUTRUN, OVERDUE, End, Finished, Stopped, remaining_route
from worker.attempts.parts import Parts

log = logging.getLogger(__name__)

#: Attempts of a race.
_ATTEMPTS: Final = 2

Inputs = Callable[[Job, str], dict[str, Any]]


class _Runs:
    """The attempts that run now, each in a thread of its own. Safe to use from any thread.

    Both threads are there from the begin: where there is none for the second attempt, nobody has asked for it yet.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[Attempt, ...] = ()
        self._threads: list[threading.Thread] = []
        self._begun: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._ends: queue.SimpleQueue[tuple[Attempt, Future[End]]] = queue.SimpleQueue()
        #: Why the outside ended them all; empty while it did not.
        self.canceled = ""

    @property
    def running(self) -> tuple[Attempt, ...]:
        """The attempts that have not ended."""
        return self._running

    @property
    def has_news(self) -> bool:
        """Whether an attempt has ended that :meth:`next` has not given yet."""
        return not self._ends.empty()

    def open(self) -> None:
        """Begin to wait for attempts.

        Raises:
            NoThread: There is no thread for each of them.
        """
        for number in range(_ATTEMPTS):
            self._threads.append(beside(f"attempt-{number}", self._serve))

    def _serve(self) -> None:
        while (attempt := self._begun.get()) is not None:
            self._run(attempt)

    def start(self, attempt: Attempt) -> None:
        """Run an attempt."""
        with self._lock:
            self._running = (*self._running, attempt)
            reason = self.canceled
        if reason:
            attempt.cancel(reason)
        self._begun.put(attempt)

    def _run(self, attempt: Attempt) -> None:
        end: Future[End] = Future()
        settle(end, attempt.run)
        self._ends.put((attempt, end))
        if attempt.control.reason == OUTRUN:
            with survive(log, "not measured", provider=attempt.provider):
                attempt.report.outrun()

    def next(self, timeout: float | None) -> tuple[Attempt, Future[End]]:
        """The next attempt that has ended, and its end.

        Raises:
            queue.Empty: None ended in time.
        """
        attempt, end = self._ends.get(timeout=timeout)
        with self._lock:
            self._running = tuple(other for other in self._running if other is not attempt)
        return attempt, end

    def cancel(self, reason: str) -> None:
        """End all attempts from outside, also those that are started later."""
        with self._lock:
            self.canceled = self.canceled or reason
            running = self._running
        for attempt in running:
            attempt.cancel(reason)

    def end(self, reason: str, seconds: float) -> None:
        """End what still runs, and wait for it."""
        ends = time.monotonic() + seconds
        for attempt in self._running:
            attempt.cancel(reason)
        for _ in self._threads:
            self._begun.put(None)
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))


class Race:
    """Runs as an :class:`Attempt` does, and starts a second attempt when the first takes long.

    Args:
        parts: What attempts work with.
        lease: The right to run the job.
        writer: Writes under the lease.
        inputs: The job's input as a provider will use it; raises where this worker does not have the provider.
        has_room: Whether this worker has a slot to spare for a second attempt.
    """

    def __init__(
        self, parts: Parts, lease: Lease, writer: EventWriter, inputs: Inputs, has_room: Callable[[], bool]
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._leases = parts.leases
        self._timings = parts.timings
        self._job = lease.job
        self._fence = lease.fence
        self._writer = writer
        self._inputs = inputs
        self._has_room = has_room
        self._runs = _Runs()
        #: Held by the attempt that stores its result.
        self._finish = threading.Lock()
        self._first = self._attempt(lease.job.attempts[-1])
        self._is_won = False
        self._look_at: float | None = None

    def _attempt(self, entry: model.Attempt) -> Attempt:
        return Attempt(self._parts, self._job, entry, self._writer, self._finishing)

    @property
    def attempts(self) -> int:
        """How many attempts run now."""
        return len(self._runs.running)

    def cancel(self, reason: str) -> None:
        """End both attempts from outside."""
        self._runs.cancel(reason)

    def tick(self) -> bool:
        """End attempts whose time is over; answers whether all that run were told to end."""
        told = [attempt.tick() for attempt in self._runs.running]
        return all(told)

    def close(self) -> None:
        """End what still runs."""
        self._runs.end(OUTRUN if self._is_won else ABANDONED, self._timings.stuck)

    def run(self) -> End:
        """Run the race: the first result, the last failure, or why the outside ended it."""
        try:
            self._runs.open()
        except NoThread as error:
            log.warning("the attempt is handed back: %s", error, extra={"provider": self._first.provider})
            return Stopped(NO_THREAD)
        self._look_at = time.monotonic() + self._patience()
        self._runs.start(self._first)
        stopped: Stopped | None = None
        while True:
            try:
                attempt, ended = self._runs.next(self._pause())
            except queue.Empty:
                self._ask_another()
                continue
            end = ended.result()
            if isinstance(end, Finished):
                self._is_won = True
                self._runs.end(OUTRUN, self._timings.loser)
                return replace(end, attempt=attempt.n)
            if isinstance(end, Stopped):
                stopped = stopped or end
            if stopped is not None:
                # The outside has ended the other attempt, too.
                if not self._runs.running:
                    return stopped
            elif isinstance(end, Failure):
                if not self._runs.running or end.code == "deadline_exceeded":
                    self._runs.end(OVERDUE, self._timings.stuck)
                    return end
                self._go_on_without(attempt, end)

    def _patience(self) -> float:
        """Seconds that the first provider gets alone."""
        if self._timings.hedge is not None:
            return self._timings.hedge
        return hedge_after(self._first.report.known())

    def _pause(self) -> float | None:
        """Seconds until another provider may be asked; None where none will be asked any more."""
        if self._look_at is None or self._runs.canceled:
            return None
        return max(0.0, self._look_at - time.monotonic())

    def _ask_another(self) -> None:
        """Start the second attempt, if there is room for one; else it is tried again later."""
        self._look_at = time.monotonic() + self._timings.hedge_retry
        # An attempt that has its result, or stores it, needs no help any more.
        if self._finish.locked() or self._runs.has_news or not self._has_room():
            return
        inputs = dict(self._usable())
        provider = self._leases.take_hedge(self._job.id, self._fence, tuple(inputs)) if inputs else None
        # That may have taken long, while the store was away. A slot that was taken in vain goes with the lease.
        if provider is None or self._runs.has_news:
            return
        # One hedge in one lease, even if it fails.
        self._look_at = None
        log.info("asking another provider as well", extra={"provider": self._first.provider, "hedge": provider})
        worker = self._job.attempts[-1].worker
        begun = events.Hedged(at=self._store.now(), provider=provider, worker=worker, input=inputs[provider])
        self._job = self._writer.write(begun).job
        failpoint("hedged", provider)
        self._runs.start(self._attempt(self._job.attempts[-1]))

    def _usable(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The other providers that this worker could ask, each with the job's input for it."""
        for provider in self._job.route:
            if provider == self._first.provider:
                continue
            try:
                with foreign():
                    inputs = self._inputs(self._job, provider)
            except ForeignError as error:
                log.debug("cannot be a hedge: %s", error.__cause__, extra={"provider": provider})
            else:
                yield provider, inputs

    def _go_on_without(self, attempt: Attempt, failure: Failure) -> None:
        """One attempt failed: the other one is the job's attempt now."""
        (other,) = self._runs.running
        route = remaining_route(self._job, failure) if failure.retryable else ()
        failed = events.AttemptFailed(at=self._store.now(), attempt=attempt.n, error=failure, route=route)
        self._job = self._writer.write(failed).job
        self._leases.release_loser(self._job.id, self._fence, other.provider)
        self._writer.follow(other.n)
        log.info(
            "one of two attempts failed: %s", failure.detail, extra={"code": failure.code, "provider": attempt.provider}
        )

    @contextmanager
    def _finishing(self, attempt: Attempt) -> Iterator[None]:
        """One attempt at a time stores its result; the first that has it ends the other."""
        # The wait may be long, and what this attempt has must outlive it.
        self._writer.settle()
        with self._finish:
            # The other attempt may have been first.
            attempt.control.check()
            yield
            for other in self._runs.running:
                if other is not attempt:
                    other.cancel(OUTRUN)
