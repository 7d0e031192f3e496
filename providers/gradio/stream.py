"""Server-sent events, from pieces of bytes to whole messages, with bounds on time and size."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import sseclient

from providers.base import Control
from providers.errors import Protocol, Timeout, Unreachable
from providers.gradio.app_limits import AppLimits

_BORDERS = (b"\n\n", b"\n\r\n", b"\r\r")


class EventReader:
    """The data of each event of one response.

    Heartbeats do not count as news. The caller must call :meth:`news` for
    every message about the job. Without heartbeats the connection is dead.

    Args:
        read: Returns the next piece, empty at the end. Its argument is the
            seconds it may wait; after that it raises ``TimeoutError``.
        first: Seconds until the first news; None takes it from the limits.
    """

    def __init__(
        self,
        read: Callable[[float], bytes],
        *,
        limits: AppLimits,
        first: float | None = None,
        control: Control,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._limits = limits
        self._control = control
        self._clock = clock
        self._silence = limits.first_event if first is None else first
        self._last = clock()
        self._total = 0
        self._count = 0
        self._tail = b""
        self._open = 0
        self._events = sseclient.SSEClient(self._pieces()).events()

    def news(self, *, works: bool) -> None:
        """Note that there was a message about the job. ``works``: it runs. While it waits its turn, there is no news."""
        self._last, self._silence = self._clock(), self._limits.no_news if works else math.inf

    def __iter__(self) -> Iterator[str]:
        """Yield the data of each event.

        Raises:
            Timeout: There was no news for too long.
            Unreachable: The stream ended in the middle of an event.
            Protocol: The stream is too large, or not text.
            Canceled: The attempt was canceled.
        """
        while True:
            try:
                event = next(self._events, None)
            except UnicodeDecodeError:
                raise Protocol("the app sent bytes that are not text") from None
            if event is None:
                return
            self._count += 1
            if self._count > self._limits.events:
                raise Protocol(f"the app sent more than {self._limits.events} messages")
            yield event.data

    def drain(self, seconds: float) -> None:
        """Read the rest, for at most ``seconds``, so that the connection can be used again."""
        self._silence, self._last = seconds, self._clock()
        for _ in self._events:
            pass

    def _pieces(self) -> Iterator[bytes]:
        while True:
            self._control.check()
            piece = self._next()
            if not piece:
                # sseclient would yield half an event as a whole one.
                if self._open:
                    raise Unreachable("the connection was cut in the middle of a message")
                return
            self._measure(piece)
            yield piece

    def _next(self) -> bytes:
        left = self._silence - (self._clock() - self._last)
        if left <= 0:
            raise self._silent()
        budget = self._control.remaining()
        wait = min(left, self._limits.read, left if budget is None else max(budget, 0.001))
        try:
            return self._read(wait)
        except TimeoutError:
            self._control.check()
            raise (self._dead(wait) if wait < left else self._silent()) from None

    def _silent(self) -> Timeout:
        return Timeout(f"no news from the app for {self._clock() - self._last:.0f} s")

    def _dead(self, seconds: float) -> Timeout:
        return Timeout(f"nothing came from the app for {seconds:.0f} s, not even a heartbeat: the connection is dead")

    def _measure(self, piece: bytes) -> None:
        self._total += len(piece)
        seam = self._tail + piece
        border = max(seam.rfind(mark) + len(mark) if mark in seam else -1 for mark in _BORDERS)
        self._open = self._open + len(piece) if border < 0 else len(seam) - border
        self._tail = seam[-3:]
        if self._open > self._limits.event_bytes:
            raise Protocol(f"the app sent a message of more than {self._limits.event_bytes} bytes")
        if self._total > self._limits.stream_bytes:
            raise Protocol(f"the app sent more than {self._limits.stream_bytes} bytes")
