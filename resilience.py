"""The only places that catch any exception, each with the reason for which that is right, and the only ones that start threads.

Everywhere else the code names the errors that it expects. A thread that ended unnoticed would leave a process that looks
well and does not do its work, so every thread is started here: :class:`Rounds` for work that is done again and
again, :func:`aside` for one piece of work whose result is waited for, :func:`beside` for the rest, :func:`later` for a
time limit.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Protocol, TypeVar

log = logging.getLogger(__name__)

#: Exit status of a process that one of its threads ended (EX_SOFTWARE).
EXIT_STATUS: Final = 70

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
_Errors = tuple[type[Exception], ...]


class survive:  # noqa: N801 - it reads as a statement, as `contextlib.suppress` does
    """Log an exception of the block and go on after it: one bad item or round must not stop the rest.

    What ends a process (``SystemExit``, ``KeyboardInterrupt``) goes on.

    Args:
        log: The logger of the module.
        what: What could not be done, as a sentence: "a job cannot be repaired".
        expected: Errors that occur in normal operation. They give one line at ``level``; any other gives a trace.
        level: The level of that line.
        unless: Errors that go on to the caller.
        count: Called for each error that was not expected.
        **extra: Fields of the line.
    """

    def __init__(
        self,
        log: logging.Logger,
        what: str,
        *,
        expected: _Errors = (),
        level: int = logging.WARNING,
        unless: _Errors = (),
        count: Callable[[], object] = lambda: None,
        **extra: object,
    ) -> None:
        self._log = log
        self._what = what
        self._expected = expected
        self._level = level
        self._unless = unless
        self._count = count
        self._extra = extra

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, self._unless):
            return False
        if isinstance(error, self._expected):
            self._log.log(self._level, "%s: %s", self._what, error, extra=self._extra)
        else:
            self._log.error("%s", self._what, exc_info=error, extra=self._extra)
            self._count()
        return True


class ForeignError(Exception):
    """Code that is not ours failed; the cause says how."""


class foreign:  # noqa: N801 - it reads as a statement, as `contextlib.suppress` does
    """Turn any exception of code that is not ours into one error of ours, with the exception as its cause.

    Drivers and image decoders may raise anything, above all for hostile input.

    Args:
        error: Makes our error from theirs.
        unless: Errors that go on unchanged.
    """

    __slots__ = ("_error", "_unless")

    def __init__(self, error: Callable[[Exception], Exception] = ForeignError, *, unless: _Errors = ()) -> None:
        self._error = error
        self._unless = unless

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, self._unless):
            raise self._error(error) from error


class Settable(Protocol[T_contra]):
    """Takes what work gives or raises, as a future does."""

    def set_result(self, result: T_contra, /) -> None:
        """Take the result."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Take the error."""


def settle(future: Settable[T], work: Callable[[], T]) -> None:
    """Do some work and put its result, or its error, into the future that another thread waits for."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - the thread that waits raises it again
        future.set_exception(error)
    else:
        future.set_result(result)


# -- threads -----------------------------------------------------------------


class NoThread(RuntimeError):
    """The process can start no other thread now.

    No OSError: who takes those for the fault of a server or a file must not take this one for it.
    """


def beside(
    name: str,
    run: Callable[[], object],
    *,
    context: contextvars.Context | None = None,
    die: Callable[[int], object] = os._exit,
) -> threading.Thread:
    """Start a thread. What ends it with an exception ends the process.

    Args:
        name: Of the thread, in the log.
        run: Runs to its end.
        context: Where it runs. The default is a copy of the caller's, so that lines in the log name the job.
        die: Ends the process with a status, so that its supervisor starts it again; replaced in tests.

    Raises:
        NoThread: It could not be started.
    """

    def guarded() -> None:
        try:
            run()
        except BaseException:  # noqa: BLE001 - the process ends with it
            # Where memory is out, even the line may fail.
            try:
                log.critical("the thread %s cannot go on; the process ends, to be started again", name, exc_info=True)
            finally:
                die(EXIT_STATUS)

    place = contextvars.copy_context() if context is None else context
    # As a daemon: nothing that it waits for keeps the process from ending.
    thread = threading.Thread(target=place.run, args=(guarded,), name=name, daemon=True)
    _start(thread)
    return thread


def aside(name: str, work: Callable[[], T]) -> Future[T]:
    """Do one piece of work in a thread of its own. Its result is the future's, and so is whatever it raises.

    No executor: its threads would keep the process from ending.

    Raises:
        NoThread: No thread could be started.
    """
    future: Future[T] = Future()
    beside(name, lambda: settle(future, work))
    return future


def later(name: str, seconds: float, call: Callable[[], None]) -> threading.Timer:
    """Call something after some seconds, in a thread of its own, unless the timer is canceled before.

    Raises:
        NoThread: No thread could be started.
    """
    timer = threading.Timer(seconds, call)
    timer.name, timer.daemon = name, True
    _start(timer)
    return timer


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThread("the process can start no other thread now") from error


class Rounds:
    """Work that is done again and again until it is stopped. An unforeseen error costs one round.

    Such an error is logged with its trace and counted, and the next round follows after a pause. What a next round
    cannot mend ends the process, so that its supervisor starts it again: no memory, ``SystemExit`` and other
    exceptions that are no ``Exception``, and errors in all rounds for longer than ``patience``.

    Args:
        log: The logger of the module.
        name: Of the thread, in the log and in the metric.
        turn: Does one round; it may wait for news itself.
        stopped: Set from outside; no other round follows.
        what: What a failed round means, for the log: "no probes now".
        seconds: Before each round.
        retry: Seconds after a round that failed.
        expected: Errors that occur in normal operation; they give one line at ``level``.
        level: The level of that line.
        count: Called with the name for each unforeseen error.
        patience: Seconds of nothing but unforeseen errors after which the process ends.
        die: Ends the process with a status; replaced in tests.
    """

    def __init__(
        self,
        log: logging.Logger,
        name: str,
        turn: Callable[[], object],
        stopped: threading.Event,
        *,
        what: str,
        seconds: float = 0.0,
        retry: float = 1.0,
        expected: _Errors = (),
        level: int = logging.DEBUG,
        count: Callable[[str], object] = lambda _: None,
        patience: float = float("inf"),
        die: Callable[[int], object] = os._exit,
    ) -> None:
        self.name = name
        self._turn = turn
        self._stopped = stopped
        self._pauses = seconds, retry
        self._patience = patience
        self._count = count
        self._die = die
        self._failing_since: float | None = None
        self._survive = survive(log, what, expected=expected, level=level, unless=(MemoryError,), count=self._stumbled)

    def start(self) -> threading.Thread:
        """Do the rounds in a thread of their own.

        Raises:
            NoThread: It could not be started.
        """
        # They may be started by a request, and belong to none.
        return beside(self.name, self.run, context=contextvars.Context(), die=self._die)

    def run(self) -> None:
        """Do rounds until it is stopped."""
        between, retry = self._pauses
        pause = between
        while not self._stopped.wait(pause):
            pause = max(between, retry)
            with self._survive:
                self._turn()
                pause = between
                self._failing_since = None

    def _stumbled(self) -> None:
        self._count(self.name)
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= self._patience:
            raise Hopeless(f"nothing but errors for {self._patience:g} s")


class Hopeless(RuntimeError):
    """Rounds failed for longer than is bearable."""
