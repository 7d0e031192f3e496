"""How the attempts that one lease allows are run: one alone, or two in a race (:mod:`worker.attempts.race`)."""

from __future__ import annotations

from typing import Protocol

from jobs.model import Failure
from worker.attempts.attempt import Attempt, Finished, Stopped


class Execution(Protocol):
    """Runs the attempts of one lease. One thread calls :meth:`outcome` and :meth:`close`; any may call the others."""

    @property
    def attempts(self) -> int:
        """How many attempts run now."""
        ...

    def outcome(self) -> Finished | Failure | Stopped:
        """Run to the end; what came of it.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        ...

    def cancel(self, reason: str) -> None:
        """End all attempts from outside."""
        ...

    def tick(self) -> None:
        """End attempts whose time is over; called often."""
        ...

    def close(self) -> None:
        """End what still runs, after the end was written or could not be."""
        ...


class Single:
    """One attempt, in the thread that asks for its outcome."""

    attempts = 1

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def outcome(self) -> Finished | Failure | Stopped:
        """Run the attempt."""
        return self._attempt.run()

    def cancel(self, reason: str) -> None:
        """End the attempt from outside."""
        self._attempt.control.cancel(reason)

    def tick(self) -> None:
        """End the attempt if its time is over."""
        self._attempt.tick()

    def close(self) -> None:
        """Nothing: the attempt has ended with its outcome."""
