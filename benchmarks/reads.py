"""The status poll against a view that reads one Redis value, and against what people would write instead."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import peers
from benchmarks.meter import Round, Target, take_turns
from benchmarks.report import Finding
from tests.support.processes import Stack

TITLE = "Status poll"
HOW = (
    "`GET /v1/jobs/{id}` over 100 jobs, queued or finished, by 16 connections. 304 is the same poll with `If-None-Match`."
    " The floor is a Flask view under the same server that reads one Redis value of the same length and answers with it."
    " Below it the finished poll against rivals, with two processes each; Celery and rq answer with a result of 100 bytes,"
    " all others with a job of ours. No rival knows a key, a limit, an ETag or a counter."
)
JOBS = 100
#: The ratios to reach, by CPU.
_GOALS: Final = {"queued": "1.2", "finished": "1.4", "304": "1.3"}


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    web = stack.web()
    worker, scheduler = stack.worker(), stack.scheduler()
    done = [stack.submit("text a lighthouse") for _ in range(JOBS)]
    stack.wait_for_status(done, "succeeded")
    for process in (worker, scheduler):
        process.terminate()
    queued = [stack.submit("text a lighthouse") for _ in range(JOBS)]
    with urllib.request.urlopen(f"{stack.url}/v1/jobs/{done[0]}") as answer:
        stack.client.set("floor", answer.read())
    rivals = _rivals(stack)
    own = [
        _polls(stack, "queued", queued, web.popen.pid),
        _polls(stack, "finished", done, web.popen.pid),
        _polls(stack, "304", done, web.popen.pid, conditional=True),
    ]
    found = take_turns([*rivals, *own], rounds, seconds, say)
    # uvicorn's processes outlive the first of them where it is killed.
    stack.processes[-1].terminate()
    floor, finished = found[rivals[0].name], found["finished"]
    against_floor = [
        _compared(f"{one.name}, against the floor", found[one.name], floor, _GOALS[one.name]) for one in own
    ]
    return [*against_floor, *(_compared(one.name, finished, found[one.name]) for one in rivals[1:])]


def _rivals(stack: Stack) -> list[Target]:
    """The floor, then the rivals."""
    floor, tutorial = peers.start(stack, "floor"), peers.start(stack, "tutorial")
    rqueue, fast = peers.start_rival(stack, "rqueue"), peers.start_fast(stack, "fast")
    for each in (tutorial, rqueue):
        peers.post(each, "/fill")
    asked = {
        "floor": (floor, "/value"),
        "Flask, JSON read and written": (floor, "/json"),
        "Celery `AsyncResult`, Flask": (tutorial, "/result/floor"),
        "rq, Flask": (rqueue, "/result/floor"),
        "FastAPI, JSON read and written, uvicorn": (fast, "/json"),
        "FastAPI, bytes, uvicorn": (fast, "/value"),
    }
    return [
        Target(name=name, url=f"{peer.url}{path}", pid=peer.process.popen.pid) for name, (peer, path) in asked.items()
    ]


def _compared(what: str, own: Round, other: Round, goal: str = "") -> Finding:
    return Finding(
        what=what,
        darkroom=_said(own),
        against=_said(other),
        compared=f"{own.rate / other.rate:.2f} by rate, {other.cpu / own.cpu:.2f} by CPU",
        goal=goal,
        numbers={
            "rate_per_s": own.rate, "cpu_ms": own.cpu, "p99_ms": own.p99,
            "other_rate_per_s": other.rate, "other_cpu_ms": other.cpu, "other_p99_ms": other.p99,
            "ratio_by_rate": own.rate / other.rate, "ratio_by_cpu": other.cpu / own.cpu,
        },
    )  # fmt: skip


def _said(one: Round) -> str:
    return f"{one.rate:,.0f}/s, {one.cpu:.2f} ms CPU, p99 {one.p99:.0f} ms"


def _polls(stack: Stack, name: str, jobs: list[str], pid: int, *, conditional: bool = False) -> Target:
    """Polls of many jobs in turn."""
    marks = {}
    for job_id in jobs if conditional else ():
        with urllib.request.urlopen(f"{stack.url}/v1/jobs/{job_id}") as answer:
            marks[job_id] = answer.headers["ETag"]
    script = Path(stack.folder) / f"{name}.lua"
    requests = ",\n".join(
        f"  wrk.format('GET', '/v1/jobs/{job_id}', {{['If-None-Match'] = {json.dumps(marks.get(job_id, ''))}}})"
        if conditional
        else f"  wrk.format('GET', '/v1/jobs/{job_id}')"
        for job_id in jobs
    )
    script.write_text(
        f"local asked, n = nil, 0\nfunction init()\n  asked = {{\n{requests}\n  }}\nend\n"
        "function request()\n  n = n % #asked + 1\n  return asked[n]\nend\n"
    )
    return Target(name=name, url=stack.url, pid=pid, script=script)
