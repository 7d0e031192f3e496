"""The status poll against a view that reads one Redis value."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks import peers
from benchmarks.meter import Target, take_turns
from benchmarks.report import Finding
from tests.support.processes import Stack

TITLE = "Status poll"
HOW = (
    "`GET /v1/jobs/{id}` over 100 jobs, queued or finished, by 16 connections, against a Flask view under the same server"
    " that reads one Redis value of the same length and answers with it. 304 is the same poll with `If-None-Match`."
)
JOBS = 100


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
    floor = peers.start(stack, "floor")
    targets = [
        Target(name="floor", url=f"{floor.url}/value", pid=floor.process.popen.pid),
        _polls(stack, "queued", queued, web.popen.pid),
        _polls(stack, "finished", done, web.popen.pid),
        _polls(stack, "304", done, web.popen.pid, conditional=True),
    ]
    found = take_turns(targets, rounds, seconds, say)
    base = found["floor"]
    return [
        Finding(
            what=name,
            darkroom=f"{one.rate:,.0f}/s, {one.cpu:.2f} ms CPU, p99 {one.p99:.0f} ms",
            against=f"{base.rate:,.0f}/s, {base.cpu:.2f} ms CPU, p99 {base.p99:.0f} ms",
            compared=f"{one.rate / base.rate:.2f} by rate, {base.cpu / one.cpu:.2f} by CPU",
            goal="0.8",
        )
        for name, one in found.items()
        if name != "floor"
    ]


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
