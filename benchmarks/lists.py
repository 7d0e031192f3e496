"""The first page of a list, and polls beside clients that list with a filter which fits nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from benchmarks.meter import Target, measure, take_turns
from benchmarks.report import Finding
from jobs import events
from tests.support.processes import Stack
from tests.support.sample_jobs import add_job

TITLE = "Lists, and polls beside them"
HOW = (
    "3,000 jobs of one owner, all ended but 20. `GET /v1/jobs` shows the newest 20. Beside the polls of 16 connections, four"
    " clients ask for jobs that no job is (`metadata.order=none`), one page after the other: each page looks through 2,000."
)
JOBS = 3000
OPEN = 20
CLIENTS = 4


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    web = stack.web()
    ids = [add_job(stack.store, metadata={"order": f"order-{number}"}).id for number in range(JOBS)]
    for job_id in ids[:-OPEN]:
        stack.store.change(job_id, lambda _: events.Canceled(at=stack.store.now()))
    poll = Target(name="poll", url=f"{stack.url}/v1/jobs/{ids[0]}", pid=web.popen.pid)
    first = Target(name="first page", url=f"{stack.url}/v1/jobs", pid=web.popen.pid)
    ended = Target(name="first page, all ended", url=f"{stack.url}/v1/jobs?status=canceled", pid=web.popen.pid)
    few = Target(name="those that have not ended", url=f"{stack.url}/v1/jobs?status=queued,running", pid=web.popen.pid)
    none = Target(name="2,000 looked through", url=f"{stack.url}/v1/jobs?metadata.order=none", pid=web.popen.pid)
    found = take_turns([first, ended, few, none], rounds, seconds, say, connections=CLIENTS)
    pages = [
        Finding(
            what=name,
            darkroom=f"{one.rate:,.0f}/s, {one.cpu:.2f} ms CPU, p50 {one.p50:.0f} ms, p99 {one.p99:.0f} ms",
            against="",
            compared="",
            goal="2 ms CPU" if name == first.name else "",
        )
        for name, one in found.items()
    ]
    rates = []
    for number in range(rounds):
        alone = measure(poll, seconds, 16)
        beside = subprocess.Popen(
            ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds + 2}s", none.url], stdout=subprocess.DEVNULL
        )
        together = measure(poll, seconds, 16)
        beside.wait()
        say(f"round {number + 1}/{rounds}  alone {alone.rate:.0f}/s  beside lists {together.rate:.0f}/s")
        rates.append((together.rate / alone.rate, alone, together))
    share, alone, together = sorted(rates, key=lambda each: each[0])[len(rates) // 2]
    polls = Finding(
        what="polls beside four clients that list",
        darkroom=f"{together.rate:,.0f}/s, p99 {together.p99:.0f} ms",
        against=f"{alone.rate:,.0f}/s, p99 {alone.p99:.0f} ms without them",
        compared=f"{share:.2f}",
        goal="0.7",
    )
    return [*pages, polls]
