"""How much a key may use in a time: windows that slide.

What lies further back than the window does not count, and no instant lets
through twice the quota: the count of the window before weighs as much as it
still overlaps. Two counters a window, whatever the quota.

What makes jobs is counted in Redis, for all processes together, in one round
trip; reading is counted in the process (:class:`LocalRates`), since a second
round trip would double what a poll costs.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from jobs.limits import Limits
from jobs.record.connection import Connection

MINUTE: Final = 60
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """A quota in a time.

    Args:
        name: As the headers of an answer call it.
        limit: Which field of :class:`jobs.limits.Limits` it comes from.
        quota: How much; None is any.
        seconds: In which time.
        unit: Of what, where that is not requests.
    """

    name: str
    limit: str
    quota: int | None
    seconds: int
    unit: Literal["content-bytes"] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of a quota is left, and in how many seconds the window goes on to its next part."""

    window: Window
    remaining: int
    resets_in: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of counting a request.

    Args:
        standings: Of each window that has a quota, after the request where it was counted.
        refused: The window that had no room for it; then nothing was counted in any.
        wait: Seconds until there is room; None where there never will be.
    """

    standings: tuple[Standing, ...]
    refused: Window | None = None
    wait: int | None = 0


@lru_cache(maxsize=256)
def submit_windows(limits: Limits) -> tuple[Window, Window]:
    """The windows for what makes jobs: how many, and how large."""
    return (
        Window("submit", "submits_per_minute", limits.submits_per_minute, MINUTE),
        Window("input", "input_bytes_per_day", limits.input_bytes_per_day, DAY, "content-bytes"),
    )


@lru_cache(maxsize=256)
def read_window(limits: Limits) -> Window:
    """The window for everything else."""
    return Window("read", "reads_per_minute", limits.reads_per_minute, MINUTE)


class Rates:
    """Counts in Redis.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, owner: str, costs: Sequence[tuple[Window, int]]) -> Spent:
        """Count a request in all windows, or in none where one has no room for it.

        Args:
            owner: Whose request it is.
            costs: The windows, and what the request costs in each; 0 only looks.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        limited = [(window, cost) for window, cost in costs if window.quota is not None]
        if not limited:
            return Spent(())
        given: list[str | int] = [owner]
        for window, cost in limited:
            given += [window.name, window.quota or 0, window.seconds * 1000, cost]
        answer = self._connection.run("spend", *given)
        return _spent([window for window, _ in limited], answer)


def _spent(windows: Sequence[Window], answer: Sequence[int]) -> Spent:
    """The answer of spend.lua."""
    standings = tuple(
        Standing(window, max(0, left), max(1, math.ceil(resets / 1000)))
        for window, left, resets in zip(windows, answer[2::2], answer[3::2], strict=True)
    )
    refused, wait = answer[0], answer[1]
    if not refused:
        return Spent(standings)
    return Spent(standings, windows[refused - 1], None if wait < 0 else max(1, math.ceil(wait / 1000)))


@dataclass(slots=True)
class _Counter:
    slot: int
    now: int = 0
    before: int = 0


class LocalRates:
    """Counts requests in this process: the same window, without Redis.

    Args:
        clock: Seconds that never go back.
        remembered: Owners whose requests are remembered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, remembered: int = 10_000) -> None:
        self._clock = clock
        self._remembered = remembered
        self._counters: OrderedDict[str, _Counter] = OrderedDict()

    def spend(self, owner: str, window: Window, cost: int = 1) -> Spent:
        """Count a request, or find that there is no room for it."""
        if window.quota is None:
            return Spent(())
        slot, passed = divmod(self._clock() / window.seconds, 1)
        counter = self._counter(owner, int(slot))
        used = counter.now + counter.before * (1 - passed)
        resets = max(1, math.ceil((1 - passed) * window.seconds))
        if cost and used + cost > window.quota:
            wait = wait_seconds(counter.now, counter.before, passed, window.quota - cost) * window.seconds
            return Spent((Standing(window, 0, resets),), window, max(1, math.ceil(wait)))
        counter.now += cost
        return Spent((Standing(window, max(0, math.floor(window.quota - used - cost)), resets),))

    def _counter(self, owner: str, slot: int) -> _Counter:
        counter = self._counters.get(owner)
        if counter is None:
            counter = self._counters[owner] = _Counter(slot)
            if len(self._counters) > self._remembered:
                self._counters.popitem(last=False)
        elif counter.slot != slot:
            counter.before = counter.now if slot == counter.slot + 1 else 0
            counter.slot, counter.now = slot, 0
            self._counters.move_to_end(owner)
        return counter


def wait_seconds(now: int, before: int, passed: float, room: int) -> float:
    """Windows until no more than ``room`` count: what was counted before weighs less and less, then what counts now.

    Args:
        now: Counted in this part.
        before: Counted in the part before it.
        passed: How much of this part is over, 0 to 1.
        room: How much may count.
    """
    if now <= room:
        return max(0.0, 1 - (room - now) / before - passed)
    return 1 - passed + 1 - room / now
