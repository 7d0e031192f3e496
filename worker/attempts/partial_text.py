"""A text that comes bit by bit: at most a few of its states a second are written, and always the newest one at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

#: Longest partial text, in characters. What comes after it is seen in the result.
PARTIAL_LIMIT: Final = 64_000
#: Seconds of a text after which its states are written four times less often: the log of a job is bounded.
_PATIENT_AFTER: Final = 60.0


class PartialText:
    """The text so far, and what of it was written.

    Args:
        interval: Least seconds between two states that are written.
        clock: Monotonic seconds.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._text = ""
        self._written = ""
        self._began: float | None = None
        self._offered_at = self._written_at = -interval

    def wants(self) -> bool:
        """Whether a newer state is worth its cleaning: an app may send hundreds of them in a second."""
        return self._clock() - self._offered_at >= self._interval / 2

    def offer(self, text: str) -> None:
        """Take the whole text so far."""
        self._offered_at = self._clock()
        if self._began is None:
            self._began = self._offered_at
        self._text = text[:PARTIAL_LIMIT]

    def due(self) -> tuple[int, str] | None:
        """What is to be written now: how many characters of the last state stay, and what stands behind them."""
        now = self._clock()
        late = self._began is not None and now - self._began > _PATIENT_AFTER
        if self._text == self._written or now - self._written_at < self._interval * (4 if late else 1):
            return None
        kept = _common(self._written, self._text)
        change = self._text[kept:]
        self._written, self._written_at = self._text, now
        return kept, change

    def forget(self) -> None:
        """Nothing of it is in the record any more."""
        self._text = self._written = ""


def _common(one: str, other: str) -> int:
    """The number of characters with which both begin."""
    if other.startswith(one):
        return len(one)
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
