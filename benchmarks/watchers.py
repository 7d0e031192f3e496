"""A thousand event streams, and polls as fast as they go, at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.meter import Round, Target, cpu_seconds, measure, resident_bytes
from benchmarks.report import Finding
from jobs import events
from tests.support.fake_worker import FakeWorker
from tests.support.processes import ROOT, Process, Stack

TITLE = "A thousand watchers, and polls beside them"
HOW = (
    "1,000 event streams watch 200 running jobs, each of which gets an event a second; meanwhile 16 connections poll as"
    " fast as they are answered. Delay is from before the event is written to Redis until a client has read it. Two web"
    " processes, the writer, the clients of both kinds and Redis share the machine."
)
WATCHERS = 1000
JOBS = 200
#: Streams that are opened and closed before any is measured.
_FIRST = 100
#: Events a second in all.
RATE = 200.0


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    web = stack.web()
    fake_worker = FakeWorker(stack)
    leases = [fake_worker.claim(fake_worker.submit(model="echo")) for _ in range(JOBS)]
    poll = Target(name="poll", url=f"{stack.url}/v1/jobs/{leases[0].job.id}", pid=web.popen.pid)
    seconds = max(5, seconds * 2)
    alone = measure(poll, seconds, 16)
    say(f"polls alone: {alone.rate:.0f}/s")
    ids = [lease.job.id for lease in leases]
    # What a process loads for its first streams, and the memory that it stops sharing then, is not a watcher's.
    _watching(stack, ids, _FIRST, 1).wait()
    before = resident_bytes(web.popen.pid)
    watching = _watching(stack, ids, WATCHERS, seconds * 3)
    assert watching.stdout is not None
    say(watching.stdout.readline().strip())
    each = (resident_bytes(web.popen.pid) - before) / WATCHERS
    stop = threading.Event()
    writer = threading.Thread(target=_write, args=(fake_worker, leases, stop))
    writer.start()
    quiet_cpu = _spent(web, seconds)
    together = measure(poll, seconds, 16)
    say(f"polls beside them: {together.rate:.0f}/s")
    seen: dict[str, Any] = json.loads(watching.stdout.readline())
    stop.set()
    writer.join()
    watching.wait()
    return [*_polls(alone, together), *_streams(seen, each, quiet_cpu)]


def _watching(stack: Stack, ids: list[str], count: int, seconds: int) -> subprocess.Popen[str]:
    """A process that opens a number of streams on these jobs, in turn, for a number of seconds."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watch", "127.0.0.1", str(stack.port), str(seconds)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdin is not None
    watching.stdin.write("\n".join(ids[number % JOBS] for number in range(count)))
    watching.stdin.close()
    return watching


def _write(fake_worker: FakeWorker, leases: list[Any], stop: threading.Event) -> None:
    """Events for all jobs in turn, so many a second."""
    due = time.monotonic()
    number = 0
    while not stop.is_set():
        lease = leases[number % len(leases)]
        fake_worker.write(lease, events.Logged, text=f"{time.time():.6f}", level="info")
        number += 1
        due += 1 / RATE
        time.sleep(max(0.0, due - time.monotonic()))


def _spent(web: Process, seconds: float) -> float:
    """Share of a processor that the web processes use with the streams alone."""
    began = cpu_seconds(web.popen.pid)
    time.sleep(seconds)
    return (cpu_seconds(web.popen.pid) - began) / seconds


def _polls(alone: Round, together: Round) -> list[Finding]:
    return [
        Finding(
            what="polls beside the watchers",
            darkroom=f"{together.rate:,.0f}/s, p50 {together.p50:.0f} ms, p99 {together.p99:.0f} ms, {together.wrong} refused",
            against=f"{alone.rate:,.0f}/s, p50 {alone.p50:.0f} ms, p99 {alone.p99:.0f} ms without them",
            compared=f"{together.rate / alone.rate:.2f}",
            goal="0.65",
        )
    ]


def _streams(seen: dict[str, Any], each: float, cpu: float) -> list[Finding]:
    return [
        Finding(
            what="event streams",
            darkroom=f"{seen['open']} open, {seen['refused']} refused, {seen['closed']} broken",
            against="",
            compared="",
            goal="1,000",
        ),
        Finding(
            what="event written → read by the client",
            darkroom=f"p50 {seen['p50']:.0f} ms, p99 {seen['p99']:.0f} ms, most {seen['max']:.0f} ms over {seen['events']:,}",
            against="",
            compared="",
            goal="p99 45 ms",
        ),
        Finding(
            what="memory of a watcher, processors used by the streams alone",
            darkroom=f"{each / 1024:.0f} KB, {cpu:.2f}",
            against="",
            compared="",
            goal="20 KB",
        ),
    ]
