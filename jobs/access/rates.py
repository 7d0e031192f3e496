"""Rate limits: sliding windows.

What lies further back than the window does not count, and no instant lets
through twice the quota: the count of the window before weighs as much as it
still overlaps. Two counters per window, for any quota.

Requests that make jobs are counted in Redis, for all processes together, in
one round trip. Other requests are counted in the process (:class:`LocalRates`),
since a second round trip would double the cost of a poll.
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
    """A rate limit: at most ``quota`` units (None: any number) in ``seconds``.

    ``name`` is for the headers of an answer, ``limit`` the field of :class:`jobs.limits.Limits` that it comes from;
    ``unit`` says what is counted, if not requests.
    """

    name: str
    limit: str
    quota: int | None
    seconds: int
    unit: Literal["content-bytes"] | None = None


@dataclass(frozen=True, slots=True)
class WindowState:
    """What remains of a window's quota, and the seconds until it refills."""

    window: Window
    remaining: int
    resets_in: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The result of counting a request.

    Args:
        states: Of each window that has a quota; with the request, where it was counted.
        refused: The window that had no room for it; then nothing was counted in any.
        wait: Seconds until there is room; None: there never will be.
    """

    states: tuple[WindowState, ...]
    refused: Window | None = None
    wait: int | None = 0


@dataclass(frozen=True, slots=True)
class _Count:
    """What a window counted: in this part of time, and in the part before; ``passed`` of this part is over (0 to 1)."""

    now: int
    before: int
    passed: float

    @property
    def used(self) -> float:
        """What counts of the quota; spend.lua decides by the same sum."""
        return self.now + self.before * (1 - self.passed)

    def state(self, window: Window) -> WindowState:
        """What remains of the window, which has a quota."""
        left = math.floor((window.quota or 0) - self.used)
        return WindowState(window, max(0, left), max(1, math.ceil((1 - self.passed) * window.seconds)))

    def wait(self, window: Window, cost: int) -> int | None:
        """Seconds until the window, which has a quota, has room for the cost; None: it is larger than the quota."""
        room = (window.quota or 0) - cost
        if room < 0:
            return None
        return max(1, math.ceil(wait_windows(self.now, self.before, self.passed, room) * window.seconds))


@lru_cache(maxsize=256)
def submit_windows(limits: Limits) -> tuple[Window, Window]:
    """The windows of requests that make jobs: their number, and their bytes."""
    return (
        Window("submit", "submits_per_minute", limits.submits_per_minute, MINUTE),
        Window("input", "input_bytes_per_day", limits.input_bytes_per_day, DAY, "content-bytes"),
    )


@lru_cache(maxsize=256)
def read_window(limits: Limits) -> Window:
    """The window of all other requests."""
    return Window("read", "reads_per_minute", limits.reads_per_minute, MINUTE)


class Rates:
    """Counts requests in Redis, for all processes together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, owner: str, costs: Sequence[tuple[Window, int]]) -> Spent:
        """Count a request in all windows, each at its cost (0 only looks), or in none where one has no room for it.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        charge = Charge(owner, costs)
        self.pay(charge)
        return charge.spent

    def pay(self, charge: Charge) -> None:
        """Count a request by its charge, unless that was done.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        if charge.is_due:
            charge.settle(self._connection.run("spend", *charge.arguments()))


class Charge:
    """A request that is to be counted in all windows, each at its cost, or in none where one has no room for it."""

    def __init__(self, owner: str, costs: Sequence[tuple[Window, int]]) -> None:
        self.owner = owner
        self._limited = [(window, cost) for window, cost in costs if window.quota is not None]
        #: The result, once there is one.
        self.spent = Spent(())
        #: Whether it has yet to be counted; not where no window has a quota.
        self.is_due = bool(self._limited)

    def arguments(self) -> list[str | int]:
        """What spend.lua takes."""
        given: list[str | int] = [self.owner]
        for window, cost in self._limited:
            given += [window.name, window.quota or 0, window.seconds * 1000, cost]
        return given

    def settle(self, answer: Sequence[int]) -> bool:
        """Take what spend.lua answered; False: the request is refused."""
        self.spent, self.is_due = _spent(self._limited, answer), False
        return self.spent.refused is None


def _spent(limited: Sequence[tuple[Window, int]], answer: Sequence[int]) -> Spent:
    """The answer of spend.lua."""
    refused, *numbers = answer
    counts = [
        _Count(now, before, passed / (window.seconds * 1000))
        for (window, _), now, before, passed in zip(limited, numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]
    states = tuple(count.state(window) for (window, _), count in zip(limited, counts, strict=True))
    if not refused:
        return Spent(states)
    window, cost = limited[refused - 1]
    return Spent(states, window, counts[refused - 1].wait(window, cost))


@dataclass(slots=True)
class _Counter:
    slot: int
    now: int = 0
    before: int = 0


class LocalRates:
    """Counts requests in this process: the same window, without Redis. ``remembered``: owners, at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, remembered: int = 10_000) -> None:
        self._clock = clock
        self._remembered = remembered
        self._counters: OrderedDict[str, _Counter] = OrderedDict()

    def spend(self, owner: str, window: Window, cost: int = 1) -> Spent:
        """Count a request, or find that there is no room for it; a cost of 0 only looks."""
        if window.quota is None:
            return Spent(())
        slot, passed = divmod(self._clock() / window.seconds, 1)
        counter = self._counter(owner, int(slot))
        count = _Count(counter.now, counter.before, passed)
        if cost and count.used + cost > window.quota:
            return Spent((count.state(window),), window, count.wait(window, cost))
        counter.now += cost
        return Spent((_Count(counter.now, counter.before, passed).state(window),))

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


def wait_windows(now: int, before: int, passed: float, room: int) -> float:
    """Lengths of the window until no more than ``room`` counts.

    Args:
        now: Counted in this part; weighs less once the part is over.
        before: Counted in the part before; weighs less and less.
        passed: How much of this part is over, 0 to 1.
        room: How much may count.
    """
    if now <= room:
        return max(0.0, 1 - (room - now) / before - passed)
    return 1 - passed + 1 - room / now
