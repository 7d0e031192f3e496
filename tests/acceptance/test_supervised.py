"""Real programs under supervisord."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from cli.stack.supervise import Program, supervised

pytestmark = pytest.mark.acceptance

_TALKER = """
import signal, sys, time
def end(*_):
    print("bye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("hello", *sys.argv[1:], flush=True)
while True:
    time.sleep(0.05)
"""


class _Lines:
    """Collects the output, and waits for a part of it."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._changed = threading.Condition()

    def __call__(self, name: str, line: str) -> None:
        with self._changed:
            self.all.append((name, line))
            self._changed.notify_all()

    def of(self, name: str) -> list[str]:
        return [line for program, line in self.all if program == name]

    def wait(self, there: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(there, timeout=20), self.all


@pytest.fixture
def talker(tmp_path: Path) -> Callable[[str, int], Program]:
    script = tmp_path / "talker.py"
    script.write_text(_TALKER)
    return lambda name, order: Program(name=name, argv=(sys.executable, str(script), name), order=order)


def test_programs_start_at_once(tmp_path: Path, talker: Callable[[str, int], Program]) -> None:
    """By itself, supervisord waits for a second before it starts the first program."""
    lines = _Lines()
    with supervised(
        [talker("first", 1), talker("second", 2)],
        folder=tmp_path / "run",
        directory=tmp_path,
        environ=os.environ,
        emit=lines,
    ):
        lines.wait(lambda: bool(lines.of("second")))
    said = lines.of("supervisor")
    at = [
        datetime.fromisoformat(line[:23].replace(",", "."))
        for words in ("started with pid", "spawned: 'first'", "spawned: 'second'")
        for line in said
        if words in line
    ]
    assert len(at) == 3
    assert at == sorted(at)
    # Both are spawned within one turn of its loop, which lasts a second where nothing happens.
    assert (at[2] - at[0]).total_seconds() < 0.9


def test_programs_start_are_restarted_and_stop_in_reverse_order(
    tmp_path: Path, talker: Callable[[str, int], Program]
) -> None:
    lines = _Lines()
    weak = Program(name="weak", argv=("sh", "-c", "echo alive; sleep 2.2; exit 3"), order=15)
    programs = [talker("web", 20), weak, talker("redis", 10)]
    with supervised(programs, folder=tmp_path / "run 100% #1", directory=tmp_path, environ=os.environ, emit=lines):
        lines.wait(lambda: len(lines.of("weak")) >= 2)
        assert lines.of("web") == ["hello web"]
    assert [name for name, line in lines.all if line == "bye"] == ["web", "redis"]


def test_a_lock_keeps_a_second_holder_waiting(tmp_path: Path, talker: Callable[[str, int], Program]) -> None:
    lines = _Lines()
    lock = tmp_path / "lock"
    first, second = (
        Program(name=name, argv=talker(name, 1).argv, order=order, lock=lock)
        for name, order in (("first", 1), ("second", 2))
    )
    with supervised([first, second], folder=tmp_path / "run", directory=tmp_path, environ=os.environ, emit=lines):
        lines.wait(lambda: ("first", "hello first") in lines.all or ("second", "hello second") in lines.all)
        time.sleep(0.5)
        assert sum(line.startswith("hello") for _, line in lines.all) == 1
