"""A monotonic clock that a test sets ahead."""

from __future__ import annotations


class Clock:
    """Gives :attr:`at`, in seconds."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at
