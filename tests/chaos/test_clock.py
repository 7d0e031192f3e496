"""The clock that fault F36 moves: the wall clock jumps, waits do not notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.clock import Clock, compiler

CODE = """
import datetime, threading, time
wall, mono = time.time(), time.monotonic()
print("ready", flush=True)
input()
time.sleep(0.1)
threading.Event().wait(0.1)
print(round((time.time() - wall) / 3600), round((datetime.datetime.now().timestamp() - wall) / 3600))
assert time.monotonic() - mono < 600
"""


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_jumps_and_waits_do_not(tmp_path: Path, hours: int) -> None:
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    found = compiler()
    if found is None:
        assert not os.environ.get("CI"), "no C compiler (Debian: apt-get install gcc libc6-dev)"
        pytest.skip("no C compiler on this machine")
    clock = Clock(tmp_path, found)
    with subprocess.Popen(
        [sys.executable, "-c", CODE],
        env={**os.environ, **clock.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        clock.move(hours * 3600)
        out, _ = process.communicate("\n", timeout=30)
    assert (process.returncode, out) == (0, f"{hours} {hours}\n")
