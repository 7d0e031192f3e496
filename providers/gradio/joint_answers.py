"""One request for all attempts that ask an app the same thing at about the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Final, Generic, TypeVar

from providers.base import Control

T = TypeVar("T")

#: Seconds that an attempt waits for the answer to another one's request; then it asks for itself.
PATIENCE: Final = 10.0
#: Seconds between two looks whether the attempt that waits must end. Each wakes a thread, and hundreds may wait.
_LOOK: Final = 1.0


@dataclass(slots=True)
class _Request(Generic[T]):
    done: Event = field(default_factory=Event)
    answer: T | None = None


@dataclass(slots=True)
class _Line(Generic[T]):
    """The request that is on its way, and the one that follows it: those who asked meanwhile wait for that."""

    sent: _Request[T]
    following: _Request[T] | None = None


class JointAnswers(Generic[T]):
    """Answers by key. Safe to use from any thread.

    An answer counts for an attempt only if its request was sent after the attempt asked. So it is as new as the answer to
    a request of its own would be, however many attempts share it.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._lock = Lock()
        self._lines: dict[Hashable, _Line[T]] = {}

    def ask(self, key: Hashable, send: Callable[[], T | None], control: Control) -> T | None:
        """The answer of ``send``, or of another attempt's; None: there is none.

        Where another attempt gets none, this one sends its own request: the failure may be that attempt's, such as a cancel.

        Raises:
            ProviderError: What ``send`` raises, or the end of this attempt.
        """
        request, before, mine = self._enter(key)
        if not mine:
            self._wait(request.done, control)
            return send() if request.answer is None else request.answer
        try:
            if before is not None:
                self._wait(before.done, control)
            self._begin(key, request)
            request.answer = send()
        finally:
            self._leave(key, request)
        return request.answer

    def _enter(self, key: Hashable) -> tuple[_Request[T], _Request[T] | None, bool]:
        """A request that is not sent yet, the one before it, and whether it is this attempt that sends it."""
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = _Line(_Request())
                return line.sent, None, True
            if line.following is None:
                line.following = _Request()
                return line.following, line.sent, True
            return line.following, None, False

    def _begin(self, key: Hashable, request: _Request[T]) -> None:
        """From now on others come too late for this request."""
        with self._lock:
            line = self._lines.get(key)
            if line is not None and line.following is request:
                self._lines[key] = _Line(request)

    def _leave(self, key: Hashable, request: _Request[T]) -> None:
        """The request has ended, or is never sent."""
        with self._lock:
            line = self._lines.get(key)
            request.done.set()
            if line is None:
                return
            if line.following is request:
                line.following = None
            if line.following is None and line.sent.done.is_set():
                del self._lines[key]

    def _wait(self, done: Event, control: Control) -> None:
        ends = time.monotonic() + self._patience
        while not done.wait(min(_LOOK, self._patience)) and time.monotonic() < ends:
            control.check()
