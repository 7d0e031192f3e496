"""Does harm by plan: a seeded schedule of faults, each logged, all healed at the end.

It touches only processes that the deployment started, by their handles, and only
connections that go through its own proxies.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.chaos.deployment import LEASE_SECONDS, Deployment, empty_disk, fill_disk
from tests.chaos.history import History


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One fault: when it begins, in seconds from the start, for how long, which one, and where."""

    at: float
    name: str
    seconds: float
    target: int = 0


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a fault comes (seconds between two, on average), and how long it lasts."""

    every: float
    shortest: float = 0.0
    longest: float = 0.0


#: Everything at once: what the long run does.
HABITS: Final[Mapping[str, Habit]] = {
    "kill worker": Habit(4, 0.2, 2),
    "pause worker beyond its lease": Habit(23, LEASE_SECONDS + 1, LEASE_SECONDS + 4),
    "kill Redis": Habit(31, 0.5, 3),
    "busy Redis": Habit(67, 6, 8),
    "full Redis": Habit(59, 2, 6),
    "full disk of Redis": Habit(61, 2, 6),
    "full disk of the files": Habit(47, 2, 6),
    "kill scheduler": Habit(29, 0.2, 3),
    "restart upstream": Habit(37, 0.0, 1),
    "cut workers from Redis": Habit(13),
    "half-open workers to Redis": Habit(41),
    "split workers from Redis": Habit(43, LEASE_SECONDS + 1, LEASE_SECONDS + 4),
    "slow Redis for workers": Habit(37, 2, 4),
    "cut clients from Redis": Habit(17),
    "half-open clients to Redis": Habit(47),
    "cut workers from upstream": Habit(19),
    "slow upstream": Habit(31, 2, 5),
    "hold upstream answers": Habit(29, 1, 4),
    "duplicate messages": Habit(11),
    "poison messages": Habit(13),
}


def schedule(seed: int, seconds: float, habits: Mapping[str, Habit] = HABITS, targets: int = 3) -> tuple[Step, ...]:
    """Draw the faults of a run: the same ones for the same seed; every one is over when ``seconds`` have passed."""
    rng = random.Random(seed)
    steps: list[Step] = []
    for name, habit in sorted(habits.items()):
        at = rng.uniform(0, habit.every)
        while True:
            step = Step(
                round(at, 2), name, round(rng.uniform(habit.shortest, habit.longest), 2), rng.randrange(targets)
            )
            if step.at + step.seconds > seconds:
                break
            steps.append(step)
            at += step.seconds + rng.uniform(0.5, 1.5) * habit.every
    return tuple(sorted(steps))


class Nemesis:
    """Carries a schedule out.

    Args:
        deployment: What is harmed.
        history: Where each fault is written down.
        ids: Gives some job ids, for doubled messages.
    """

    def __init__(self, deployment: Deployment, history: History, ids: Callable[[], Iterable[str]]) -> None:
        self._deployment = deployment
        self._history = history
        self._ids = ids
        self._busy: dict[str, threading.Lock] = {}
        self.errors: list[BaseException] = []
        redis, web, space = deployment.redis_line, deployment.client_line, deployment.upstream_line
        #: fault → the thing that it occupies, what begins it, what ends it.
        self._acts: dict[str, tuple[str, Callable[[Step], object], Callable[[Step], object]]] = {
            "kill worker": (
                "worker",
                lambda s: deployment.workers[s.target].kill(),
                lambda s: deployment.workers[s.target].start(),
            ),
            "pause worker beyond its lease": (
                "worker",
                lambda s: deployment.workers[s.target].pause(),
                lambda s: deployment.workers[s.target].go_on(),
            ),
            "kill Redis": ("redis", lambda _: deployment.redis.crash(), lambda _: deployment.redis.start()),
            "busy Redis": ("redis", lambda s: deployment.redis.keep_busy(s.seconds), _nothing),
            "full Redis": ("redis", lambda _: deployment.redis.fill(), lambda _: deployment.redis.make_room()),
            "full disk of Redis": (
                "redis",
                lambda _: fill_disk(_own(deployment.disk)),
                lambda _: empty_disk(_own(deployment.disk)),
            ),
            "full disk of the files": (
                "files",
                lambda _: fill_disk(_own(deployment.files_disk)),
                lambda _: empty_disk(_own(deployment.files_disk)),
            ),
            "kill scheduler": (
                "scheduler",
                lambda s: deployment.schedulers[s.target % 2].kill(),
                lambda s: deployment.schedulers[s.target % 2].start(),
            ),
            "restart upstream": (
                "upstream",
                lambda _: deployment.kill_upstream(),
                lambda _: deployment.start_upstream(),
            ),
            "cut workers from Redis": ("redis line", lambda _: redis.cut(), _nothing),
            "half-open workers to Redis": ("redis line", lambda _: redis.freeze(), _nothing),
            "split workers from Redis": ("redis line", lambda _: redis.split(), lambda _: redis.heal()),
            "slow Redis for workers": ("redis line", lambda _: redis.slow(0.2), lambda _: redis.heal()),
            "cut clients from Redis": ("client line", lambda _: web.cut(), _nothing),
            "half-open clients to Redis": ("client line", lambda _: web.freeze(), _nothing),
            "cut workers from upstream": ("upstream line", lambda _: space.cut(), _nothing),
            "slow upstream": ("upstream line", lambda _: space.slow(0.2), lambda _: space.heal()),
            "hold upstream answers": ("upstream line", lambda _: space.deafen(), lambda _: space.heal()),
            "duplicate messages": ("", lambda _: deployment.send_again(self._ids()), _nothing),
            "poison messages": ("", lambda s: deployment.send_poison(s.target), _nothing),
        }

    def lock(self, thing: str) -> threading.Lock:
        """Held while a thing is harmed; a nameless one is never in the way of another."""
        return self._busy.setdefault(thing, threading.Lock()) if thing else threading.Lock()

    def run(self, steps: Iterable[Step]) -> None:
        """Do all of it; returns when every fault is over and healed."""
        began = time.monotonic()
        threads = []
        for step in steps:
            time.sleep(max(0.0, began + step.at - time.monotonic()))
            thread = threading.Thread(target=self._do, args=(step,), name=step.name)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def _do(self, step: Step) -> None:
        """One fault from its begin to its end; left out where the same thing is harmed already."""
        thing, begin, end = self._acts[step.name]
        if thing == "worker":
            found = self._worker(step)
        else:
            lock = self.lock(thing)
            found = (step, lock) if lock.acquire(blocking=False) else None
        if found is None:
            return
        step, lock = found
        try:
            self._history.fault(step.name, f"target {step.target}, {step.seconds} s")
            begin(step)
            time.sleep(step.seconds)
            end(step)
        except Exception as error:  # noqa: BLE001 - told by the test; a fault that cannot be done must not end the others
            self.errors.append(error)
        finally:
            lock.release()

    def _worker(self, step: Step) -> tuple[Step, threading.Lock] | None:
        """The first worker from the target on that is at work.

        One that only just starts has nothing to lose yet,
        and on a slow machine all of them would do nothing but start.
        """
        count = len(self._deployment.workers)
        for target in (number % count for number in range(step.target, step.target + count)):
            lock = self.lock(f"worker {target}")
            if lock.acquire(blocking=False):
                if self._deployment.workers[target].ready:
                    return replace(step, target=target), lock
                lock.release()
        return None


def _own(disk: Path | None) -> Path:
    """A disk that may be filled: never the machine's."""
    assert disk is not None, "this deployment has no disks of its own"
    return disk


def _nothing(_: Step) -> None:
    """A fault that is over as soon as it has happened."""
