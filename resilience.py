"""The only places that catch any exception, each with the reason for which that is right.

Everywhere else the code names the errors that it expects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, TypeVar

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
        **extra: object,
    ) -> None:
        self._log = log
        self._what = what
        self._expected = expected
        self._level = level
        self._unless = unless
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
        return True


class ForeignError(Exception):
    """Code that is not ours failed; the cause says how."""


@contextmanager
def foreign(error: Callable[[Exception], Exception] = ForeignError, *, unless: _Errors = ()) -> Iterator[None]:
    """Turn any exception of code that is not ours into one error of ours, with the exception as its cause.

    Drivers and image decoders may raise anything, above all for hostile input.

    Args:
        error: Makes our error from theirs.
        unless: Errors that go on unchanged.
    """
    try:
        yield
    except unless:
        raise
    except Exception as fault:
        raise error(fault) from fault


class Settable(Protocol[T_contra]):
    """Takes what work gives or raises, as a future does."""

    def set_result(self, result: T_contra, /) -> None:
        """Take the result."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Take the error."""


def settle(future: Settable[T], work: Callable[[], T]) -> None:
    """Do some work and put its result, or its error, into the future that another thread waits for.

    For threads that we start ourselves. Those of an executor would keep the process from ending.
    """
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - the thread that waits raises it again
        future.set_exception(error)
    else:
        future.set_result(result)
