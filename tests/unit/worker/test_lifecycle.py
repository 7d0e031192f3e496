"""How a worker becomes known."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.errors import StoreUnavailable
from worker import lifecycle
from worker.lifecycle import Lifecycle


def starting(step: str, refusals: int, heartbeat: SimpleNamespace) -> tuple[Lifecycle, list[str]]:
    """A worker's step whose ``step`` is refused so many times, and what it has done."""
    done: list[str] = []

    def do(name: str) -> None:
        nonlocal refusals
        if name == step and refusals > 0:
            refusals -= 1
            raise StoreUnavailable("no writes now")
        done.append(name)

    shared = SimpleNamespace(
        identity=SimpleNamespace(wait=lambda _: None),
        announce=lambda: do("announce"),
        dispatcher=SimpleNamespace(dispatch=lambda: do("dispatch")),
    )
    found: Any = object.__new__(Lifecycle)
    found._is_ready = False
    found._services = SimpleNamespace(
        shared=shared, heartbeat=heartbeat, start=lambda: do("start"), stopped=threading.Event()
    )
    return found, done


@pytest.mark.parametrize("step", ["announce", "start"])
def test_a_worker_waits_until_it_can_be_made_known(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A server that can be read may refuse what is written: that is an outage, and no reason to end."""
    monkeypatch.setattr(lifecycle, "LOOK_SECONDS", 0.01)
    found, done = starting(step, 3, SimpleNamespace(draining=False, worker="w", slots=1))
    found.start(None)
    assert done[-2:] == ["start", "dispatch"]
    assert found._is_ready


def test_a_worker_that_is_told_to_stop_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "LOOK_SECONDS", 0.01)
    heartbeat = SimpleNamespace(draining=False, worker="w", slots=1)
    found, done = starting("announce", 1000, heartbeat)
    threading.Timer(0.1, lambda: setattr(heartbeat, "draining", True)).start()
    found.start(None)
    assert (done, found._is_ready) == ([], False)
