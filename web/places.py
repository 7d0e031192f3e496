"""A number of places for the clients of one process, of which nobody can take all."""

from __future__ import annotations

from collections import Counter
from typing import Final

#: An owner may have so many times as many places as are free. So one alone gets three quarters of all, whoever comes
#: next three quarters of the rest, and as places are given back, shares become equal: three sevenths each for two.
_TIMES_FREE: Final = 3


class Places:
    """Places and who has them. Not safe for threads: greenlets, or a caller's lock.

    Args:
        most: All places.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self.taken = 0

    def take(self, owner: str | None) -> bool:
        """Take a place; False: none is free for this owner (None: nobody in particular, who may take the last one)."""
        free = self._most - self.taken
        if free <= 0 or (owner is not None and self._taken[owner] >= _TIMES_FREE * free):
            return False
        self.taken += 1
        if owner is not None:
            self._taken[owner] += 1
        return True

    def give_back(self, owner: str | None) -> None:
        """Give a place back that :meth:`take` gave."""
        self.taken -= 1
        if owner is not None:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
