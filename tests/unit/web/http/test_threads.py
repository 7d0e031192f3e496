"""Work in system threads of a process that gevent serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

#: Records where a lock that gevent has put in the place of the system's is taken by another thread than the first.
RECORDER = """
from gevent import monkey
monkey.patch_all()
import _thread, threading, traceback

ident = monkey.get_original("_thread", "get_ident")
first, made, found = ident(), _thread.allocate_lock, set()

class Recorded:
    def __init__(self):
        self.lock = made()
    def acquire(self, *args, **options):
        if ident() != first:
            found.add("".join(traceback.format_list(traceback.extract_stack(limit=6))))
        return self.lock.acquire(*args, **options)
    def release(self):
        self.lock.release()
    def locked(self):
        return self.lock.locked()
    def __enter__(self):
        return self.acquire()
    def __exit__(self, *_):
        self.release()

_thread.allocate_lock = threading.Lock = threading._allocate_lock = Recorded
import gevent
"""

WORK = """
import io, sys
from pathlib import Path
from web.http.threads import aside, ThreadedArtifacts
from jobs.files import LocalArtifacts
from jobs.files.images import clean, convert
from tests.support.sample_images import image_with_metadata, plain_image

store = ThreadedArtifacts(LocalArtifacts(Path(sys.argv[1])))

def work(number):
    for picture in (plain_image(), image_with_metadata("JPEG", 6), plain_image("WEBP")):
        aside(lambda: clean(picture))
        for kind in ("PNG", "JPEG", "WEBP"):
            aside(lambda: convert(io.BytesIO(picture), kind, 5 + number), "copies")
    digest = store.put(f"job_a{number}", picture)
    store.share(f"job_a{number}", digest, f"job_b{number}")

gevent.joinall([gevent.spawn(work, number) for number in range(6)], raise_error=True, timeout=50)
print("".join(sorted(found)) or "none")
"""

TURNS = """
from gevent import monkey
monkey.patch_all()
import time
import gevent
from flask import Flask, g
from types import SimpleNamespace
from web.http import threads

sleep, app, ends = monkey.get_original("time", "sleep"), Flask("x"), []

def work(owner, seconds):
    with app.test_request_context():
        g.caller = SimpleNamespace(owner=owner)
        threads.aside(lambda: sleep(seconds))
        ends.append(owner)

many = [gevent.spawn(work, "greedy", 0.1) for _ in range(20)]
gevent.sleep(0.01)
gevent.joinall([*many, gevent.spawn(work, "modest", 0.01)], raise_error=True)
assert not threads._turns
print(ends.index("modest"))
"""


def run(script: str, *arguments: str) -> str:
    """Run a script in a process of its own, since gevent replaces parts of the standard library."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_lock_of_gevent_is_taken_in_a_system_thread(tmp_path: Path) -> None:
    """Two threads that want one at the same moment can both wait for ever, and with them all copies and uploads."""
    assert run(RECORDER + WORK, str(tmp_path)) == "none"


def test_the_recorder_finds_such_a_lock() -> None:
    found = run(RECORDER + "from web.http.threads import aside\naside(threading.Lock().acquire)\nprint(len(found))")
    assert int(found) > 0


def test_a_key_with_much_work_keeps_others_waiting_for_one_piece_of_it() -> None:
    assert int(run(TURNS)) <= 4
