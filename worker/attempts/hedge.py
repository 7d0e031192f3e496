"""A race of two: where a job asked for it and its provider takes long, the next provider is asked as well.

One thread decides (the one that Celery gave to the job), one more runs each
arm. The first result counts, and the other arm is ended as by a cancel; where
one fails, the other goes on. Both write under the one lease of the job.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from jobs import events
from jobs.errors import StoreUnavailable
from jobs.failpoints import failpoint
from jobs.model import Failure, Job
from jobs.record.types import Lease
from jobs.scheduling.health import Health
from jobs.scheduling.hedging import hedge_after
from jobs.states import MAX_ATTEMPTS
from worker.attempts import retry
from worker.attempts.arm import OVERDUE, Arm, Result
from worker.attempts.runner import LEASE_LOST, Attempt, Runner

log = logging.getLogger(__name__)

#: The reason for which an arm is ended when the other one has its result.
OUTRUN: Final = "outrun"
#: Seconds until it is looked again whether somebody can be the hedge.
AGAIN_SECONDS: Final = 1.0
#: Seconds that a result waits for the other arm to be ended at its upstream: what is over first is told first.
FAREWELL_SECONDS: Final = 1.5
#: Seconds after which an arm that does not end is left to itself. Its control has shut all that it reads from.
STUCK_SECONDS: Final = 20.0

#: What an arm came to: see :meth:`worker.attempts.arm.Arm.run`, or what it raised.
End = Result | Failure | BaseException | None
Inputs = Callable[[Job, str], dict[str, Any]]


def attempt(runner: Runner, lease: Lease, inputs: Inputs, has_room: Callable[[], bool]) -> Attempt:
    """The attempt that a lease allows: a race where the job asks for a hedge and can have one.

    Args:
        runner: What it works with.
        lease: The right to run the job.
        inputs: The job's input as a provider will use it; raises where this worker does not have the provider.
        has_room: Whether this worker has a slot to spare for a second arm.
    """
    job = lease.job
    if job.strategy == "hedge" and len(job.route) > 1 and retry.spent(job) < MAX_ATTEMPTS:
        return Race(runner, lease, inputs, has_room)
    return runner.attempt(lease)


class Race(Attempt):
    """An attempt that gets a second one beside it when it takes long. See :func:`attempt` for the arguments."""

    def __init__(self, runner: Runner, lease: Lease, inputs: Inputs, has_room: Callable[[], bool]) -> None:
        super().__init__(runner, lease)
        self._inputs = inputs
        self._has_room = has_room
        self._worker = lease.job.attempts[-1].worker
        self._ends: queue.SimpleQueue[tuple[Arm, End]] = queue.SimpleQueue()
        self._finish = threading.Lock()
        # Who runs, and whether the outside has ended it: the heart's threads look at both.
        self._guard = threading.Lock()
        self._running: tuple[Arm, ...] = ()
        self._reason = ""
        self._threads: list[threading.Thread] = []
        self._look_at: float | None = None

    @property
    def arms(self) -> int:
        """How many runs there are now."""
        return len(self._running)

    def cancel(self, reason: str) -> None:
        """End both arms from outside."""
        with self._guard:
            self._reason = self._reason or reason
            running = self._running
        for arm in running:
            arm.control.cancel(reason)

    def tick(self) -> None:
        """As of one arm."""
        for arm in self._running:
            arm.tick()
        self._scribe.tick()

    # -- the thread that decides -------------------------------------------------

    def _outcome(self) -> events.JobEvent | None:
        try:
            return self._race()
        except BaseException:
            self._let_go(LEASE_LOST, STUCK_SECONDS)
            raise

    def _end(self, event: events.JobEvent) -> None:
        try:
            super()._end(event)
        finally:
            self._let_go(OUTRUN, STUCK_SECONDS)

    def _race(self) -> events.JobEvent | None:
        self._look_at = time.monotonic() + self._patience()
        self._start(self._arm)
        stopped = ""
        while True:
            try:
                arm, end = self._ends.get(timeout=self._pause())
            except queue.Empty:
                self._ask_another()
                continue
            with self._guard:
                self._running = tuple(other for other in self._running if other is not arm)
            if isinstance(end, BaseException):
                raise end
            if isinstance(end, Result):
                self._let_go(OUTRUN, FAREWELL_SECONDS)
                return events.Succeeded(
                    at=self._store.now(), outputs=end.outputs, recipe=end.recipe, attempt=arm.n
                )  # fmt: skip
            if end is None:
                stopped = stopped or arm.control.reason
            if stopped:
                # From outside: the other arm was told, too.
                if not self._running:
                    return self._ended_from_outside(stopped)
            elif end is not None:
                if not self._running or end.code == "deadline_exceeded":
                    self._let_go(OVERDUE, STUCK_SECONDS)
                    return self._failed(end)
                self._go_on_without(arm, end)

    def _patience(self) -> float:
        """Seconds that the first provider gets alone."""
        provider = self._arm.provider
        try:
            known = self._parts.measures.get((provider,)) if self._parts.measures is not None else {}
        except StoreUnavailable:
            known = {}
        return hedge_after(known.get(provider, Health()))

    def _pause(self) -> float | None:
        """Seconds until somebody else may be asked; None where nobody will be, any more."""
        if self._look_at is None or self._reason:
            return None
        return max(0.0, self._look_at - time.monotonic())

    def _ask_another(self) -> None:
        """Start the second arm, where there is room for one; else it is tried again later."""
        self._look_at = time.monotonic() + AGAIN_SECONDS
        # Who has its result, or fetches it, needs no help any more.
        if self._finish.locked() or not self._ends.empty() or not self._has_room():
            return
        inputs = dict(self._usable())
        provider = self._store.take_hedge(self.job_id, self.fence, tuple(inputs)) if inputs else None
        # That may have taken long, while the store was away. A slot that was taken in vain goes with the attempt.
        if provider is None or not self._ends.empty():
            return
        # One hedge in one attempt, whatever becomes of it.
        self._look_at = None
        log.info("asking another provider as well", extra={"provider": self._arm.provider, "hedge": provider})
        begun = events.Hedged(
            at=self._store.now(), provider=provider, worker=self._worker, input=inputs[provider]
        )  # fmt: skip
        self._job = self._scribe.write(begun).job
        failpoint("hedged", provider)
        self._start(self._new_arm(self._job.attempts[-1]))

    def _usable(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Who else may run it, with the input that each would get."""
        for provider in self._job.route:
            if provider == self._arm.provider:
                continue
            try:
                yield provider, self._inputs(self._job, provider)
            except Exception as error:  # noqa: BLE001 - whatever it is, this one cannot be asked here
                log.debug("cannot be a hedge: %s", error, extra={"provider": provider})

    def _go_on_without(self, arm: Arm, failure: Failure) -> None:
        """One arm failed: the other one is the job's attempt now."""
        (other,) = self._running
        route = retry.remaining_route(self._job, failure) if failure.retryable else ()
        failed = events.AttemptFailed(at=self._store.now(), attempt=arm.n, error=failure, route=route)
        self._job = self._scribe.write(failed).job
        self._store.keep(self.job_id, self.fence, other.provider)
        self._scribe.follow(other.n)
        log.info(
            "one of two attempts failed: %s", failure.detail, extra={"code": failure.code, "provider": arm.provider}
        )

    # -- the arms' threads ---------------------------------------------------------

    def _start(self, arm: Arm) -> None:
        with self._guard:
            self._running = (*self._running, arm)
            reason = self._reason
        if reason:
            arm.control.cancel(reason)
        # With this thread's context: its lines in the log name the job.
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._drive, arm), name=f"arm-{arm.provider}", daemon=True
        )  # fmt: skip
        self._threads.append(thread)
        thread.start()

    def _drive(self, arm: Arm) -> None:
        end: End
        try:
            end = arm.run()
        except BaseException as error:  # noqa: BLE001 - the thread that decides raises it again
            end = error
        self._ends.put((arm, end))
        if arm.control.reason == OUTRUN:
            arm.outrun()

    @contextmanager
    def _finishing(self, arm: Arm) -> Iterator[None]:
        """One arm at a time fetches its result; the first that has it ends the other."""
        with self._finish:
            # The other one may have been first.
            arm.control.check()
            yield
            for other in self._running:
                if other is not arm:
                    other.control.cancel(OUTRUN)

    def _let_go(self, reason: str, seconds: float) -> None:
        """End what still runs, and wait so long for it."""
        ends = time.monotonic() + seconds
        for arm in self._running:
            arm.control.cancel(reason)
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
