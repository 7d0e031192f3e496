"""Named places where a test can make a process crash, hang or slow down. Without a test nothing happens there.

A test sets ``DARKROOM_TEST_FAILPOINTS`` to a list such as
``after_claim:kill@1; downloading/painter:sleep=5@*``: at the first claim the
process gets SIGKILL, at every download from ``painter`` it waits 5 seconds.
:mod:`settings` reads the variable, and refuses it outside test mode.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Literal, cast

#: The places, in the order in which a job passes them.
PLACES: Final = {
    "accepted": "The job is written, with its message if a slot is free, and the client has no answer yet.",
    "after_claim": "A worker holds the lease and has done nothing else. Tag: the provider.",
    "after_checkpoint": "The driver's state is stored and the driver has not gone on. Tags: the provider, the phase.",
    "hedged": "A second attempt is in the ledger, and nothing was asked of its provider yet. Tag: the provider.",
    "downloading": "The upstream has finished, and an output is about to be fetched.",
    "artifact_written": "A file is on the disk under its temporary name.",
    "artifact_stored": "All files are stored, the job has not ended. Tag: the provider.",
    "delivered": "A webhook's receiver has answered, and the delivery is not noted yet.",
    "terminal_written": "The event that ends the attempt is written. Tag: the provider.",
}

Action = Literal["kill", "stop", "sleep"]

_RULE: Final = re.compile(r"(\w+)(?:/([\w.-]+))?:(kill|stop|sleep)(?:=([\d.]+))?(?:@(\d+|\*))?")


@dataclass(slots=True)
class Rule:
    """An action at a place: at the ``nth`` passing, or at every one (None)."""

    place: str
    tag: str | None
    action: Action
    seconds: float
    nth: int | None
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def applies(self, place: str, tags: tuple[str, ...]) -> bool:
        """Count a passing, and say whether the rule acts at it."""
        if place != self.place or (self.tag is not None and self.tag not in tags):
            return False
        with self.lock:
            self.passed += 1
            return self.nth is None or self.passed == self.nth

    def act(self) -> None:
        """Kill, stop or delay this process."""
        match self.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "sleep":
                time.sleep(self.seconds)


_rules: tuple[Rule, ...] = ()


def failpoint(place: str, *tags: str) -> None:
    """Act here if a rule of a test says so; without rules this costs one look at an empty tuple."""
    for rule in _rules:
        if rule.applies(place, tags):
            rule.act()


def arm(text: str) -> None:
    """Set the rules of this process; an empty text removes them.

    Raises:
        ValueError: A rule is malformed or names no place.
    """
    global _rules  # noqa: PLW0603 - one process has one set, and the places must reach it without being handed it
    _rules = tuple(_rule(part.strip()) for part in text.split(";") if part.strip())


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no failpoint rule; give place[/tag]:kill|stop|sleep=seconds[@n|@*]")
    place, tag, action, seconds, nth = match.groups()
    if place not in PLACES:
        raise ValueError(f"there is no failpoint {place!r}; there are {', '.join(PLACES)}")
    return Rule(place, tag, cast("Action", action), float(seconds or 0), None if nth == "*" else int(nth or 1))
