"""The folders of counters: one for each server, and none for those that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

SERVER = "import sys, time; from web.counter_files import own_folder; print(own_folder(sys.argv[1]), flush=True); {}"


def server(place: Path, then: str = "time.sleep(60)") -> tuple[subprocess.Popen[str], Path]:
    """A process with a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(then), str(place)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_what_a_killed_server_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    killed, left = server(tmp_path)
    lives, used = server(tmp_path)
    try:
        (left / "counter_1.db").write_bytes(b"x" * 8192)
        end(killed)
        assert left.exists()
        again, own = server(tmp_path)
        end(again)
        assert set(tmp_path.iterdir()) == {used, own}
    finally:
        end(lives)


def test_a_folder_is_in_use_while_a_process_of_its_server_lives(tmp_path: Path) -> None:
    forks = "import os; child = os.fork(); child and print(child, flush=True); time.sleep(60)"
    first, own = server(tmp_path, forks)
    assert first.stdout is not None
    child = int(first.stdout.readline())
    first.kill()
    try:
        first.wait()
        end(server(tmp_path)[0])
        assert own.exists()
    finally:
        os.kill(child, signal.SIGKILL)
        first.stdout.close()


def test_what_an_older_version_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    old, new = tmp_path / "darkroom-metrics-old", tmp_path / "darkroom-metrics-new"
    other = tmp_path / "another"
    for folder in (old, new, other):
        folder.mkdir()
    os.utime(old, (1, 1))
    process, own = server(tmp_path)
    end(process)
    assert set(tmp_path.iterdir()) == {new, other, own}
