"""The interface of a driver, and the control by which its caller ends an attempt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from providers.errors import Canceled, Timeout
from providers.events import ProviderEvent
from providers.spec import ProviderRequest, ProviderSpec


class Control:
    """Ends a running attempt from another thread, or after ``seconds``.

    A driver registers with :meth:`closing` what must be shut so that a
    blocked read returns, such as a socket, and calls :meth:`check` between
    events. The caller calls :meth:`cancel`.
    """

    def __init__(self, seconds: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = None if seconds is None else clock() + seconds
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._canceled = threading.Event()
        #: Why it was canceled; empty if it was not.
        self.reason = ""

    @property
    def canceled(self) -> bool:
        """True once :meth:`cancel` was called."""
        return self._canceled.is_set()

    def cancel(self, reason: str) -> None:
        """End the attempt: call every registered closer, once. Safe from any thread, and more than once."""
        with self._lock:
            if self._canceled.is_set():
                return
            self.reason = reason
            self._canceled.set()
            closers, self._closers = self._closers, []
        for close in closers:
            with suppress(OSError):
                close()

    @contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """Call ``close`` if the attempt is canceled during the block, or at once if it was canceled before."""
        with self._lock:
            late = self._canceled.is_set()
            if not late:
                self._closers.append(close)
        if late:
            with suppress(OSError):
                close()
            self.check()
        try:
            yield
        finally:
            with self._lock, suppress(ValueError):
                self._closers.remove(close)

    def remaining(self) -> float | None:
        """Seconds left of the time budget, at least 0; None without a budget."""
        return None if self._ends is None else max(0.0, self._ends - self._clock())

    def check(self) -> None:
        """Raise if the attempt must end.

        Raises:
            Canceled: :meth:`cancel` was called.
            Timeout: The time budget is used up.
        """
        if self._canceled.is_set():
            raise Canceled(self.reason)
        if self.remaining() == 0.0:
            raise Timeout("the time for this attempt is over")

    def sleep(self, seconds: float) -> None:
        """Wait. If the attempt must end meanwhile, raise as :meth:`check` does."""
        left = self.remaining()
        self._canceled.wait(seconds if left is None else min(seconds, left))
        self.check()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe of an upstream found.

    Args:
        signature: A digest of the app's functions.
        change: How they differ from what the driver needs; None if they fit.
        revision: The commit that the app was built from, if that is known.
    """

    signature: str
    change: str | None = None
    revision: str | None = None


class Driver(Protocol):
    """The code for one provider. It is built from configuration and shared by threads, and has no state of a job."""

    spec: ProviderSpec

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Run one attempt.

        Args:
            request: A request whose input was validated and normalised.
            resume: The state of the last ``Checkpoint`` of an earlier attempt
                of the same job on this provider, or None. If the driver can,
                it picks up that submission; otherwise it cancels it at the
                upstream and submits anew.
            control: Checked between events; has the cancel and the time budget.

        Yields:
            Events, ``Completed`` last.

        Raises:
            ProviderError: The attempt ended without a result.
        """
        ...

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Cancel what a lost attempt may have left running at the upstream.

        It is called if the job goes on elsewhere or ends. Best effort and
        short (a few seconds); a network failure raises nothing.
        """
        ...

    def probe(self, control: Control) -> Probe | None:
        """Look at the upstream without submitting work; None if there is nothing to look at.

        Raises:
            ProviderError: The upstream did not answer.
        """
        ...
