"""Five hundred requests of OpenAI's API that wait for their pictures, and polls as fast as they go, at the same time."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.meter import Target, family, measure, resident_bytes
from benchmarks.report import Finding
from jobs.record import keys
from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack

TITLE = "Five hundred requests that wait, and polls beside them"
HOW = (
    "500 connections, one after another, ask `POST /v1/images/generations` for a picture, and nobody makes it; meanwhile 16 connections"
    " poll as fast as they are answered. Memory is what the two web processes have more than before, what they share"
    " counted in parts."
)
WAITING = 500
#: Requests that wait before any is measured.
_FIRST = 100
_QUEUED_SECONDS = 60.0


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    pid = stack.web().popen.pid
    job = FakeWorker(stack).submit(model="echo")
    poll = Target(name="poll", url=f"{stack.url}/v1/jobs/{job.id}", pid=pid)
    seconds = max(5, seconds * 2)
    alone = measure(poll, seconds, 16)
    say(f"polls alone: {alone.rate:.0f}/s")
    with ExitStack() as asking:
        # What a process loads for its first requests, and the memory that it stops sharing then, is not one's own. They
        # stay, since what they would give back would be used again.
        _ask(stack, asking, _FIRST)
        time.sleep(5)

        before, threads = resident_bytes(pid), _threads(pid)
        _ask(stack, asking, WAITING)
        time.sleep(2)

        each = (resident_bytes(pid) - before) / WAITING
        more = _threads(pid) - threads
        say(f"{each / 1024:.1f} KB a request, {more} threads")
        together = measure(poll, seconds, 16)
    say(f"polls beside them: {together.rate:.0f}/s")
    return [
        Finding(
            what="memory and threads of a request that waits",
            darkroom=f"{each / 1024:.0f} KB, {more} threads",
            against="",
            compared="",
            goal="25 KB, none",
            numbers={"request_kb": each / 1024},
        ),
        Finding(
            what="polls beside the requests that wait",
            darkroom=f"{together.rate:,.0f}/s, p99 {together.p99:.0f} ms, {together.wrong} refused",
            against=f"{alone.rate:,.0f}/s, p99 {alone.p99:.0f} ms without them",
            compared=f"{together.rate / alone.rate:.2f}",
        ),
    ]


def _ask(stack: Stack, asking: ExitStack, count: int) -> None:
    """Open connections and send a request on each, one after another; returns when all their jobs are queued.

    Raises:
        RuntimeError: Not all were accepted in time.
    """
    redis = stack.connection.client
    queued = int(redis.zcard(keys.QUEUED))
    for number in range(count):
        body = json.dumps({"model": "echo", "prompt": f"a lighthouse, number {number} of {count}"}).encode()
        head = f"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection = asking.enter_context(socket.create_connection(("127.0.0.1", stack.port), timeout=30))
        connection.sendall(head.encode() + body)
        ends = time.monotonic() + _QUEUED_SECONDS
        while redis.zcard(keys.QUEUED) <= queued + number:
            if time.monotonic() > ends:
                raise RuntimeError(f"{number} of {count} requests were accepted")
            time.sleep(0.001)


def _threads(pid: int) -> int:
    """The threads of a process and all below it."""
    return sum(len(list(Path(f"/proc/{each}/task").iterdir())) for each in family(pid))
