"""A durable submit against the view of any tutorial."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import peers
from benchmarks.meter import Target, take_turns
from benchmarks.report import Finding
from tests.support.processes import Stack

TITLE = "Submit"
HOW = (
    "`POST /v1/jobs`, which is durable, validated, limited and listed when the 202 comes, against the Flask and Celery of"
    " a tutorial, `task.delay()` in a view with a Redis result backend. Nothing runs the jobs meanwhile."
)
_SCRIPT = """wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{"model": "echo", "input": {"prompt": "a lighthouse in the fog, oil on canvas"}}'
"""


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    web = stack.web()
    tutorial = peers.start(stack, "tutorial")
    script = stack.folder / "submit.lua"
    script.write_text(_SCRIPT)
    targets = [
        Target(name="tutorial", url=f"{tutorial.url}/generate", pid=tutorial.process.popen.pid, script=script),
        Target(name="submit", url=f"{stack.url}/v1/jobs", pid=web.popen.pid, script=script),
    ]
    found = take_turns(targets, rounds, seconds, say)
    peer, own = found["tutorial"], found["submit"]
    return [
        Finding(
            what="submit",
            darkroom=f"{own.rate:,.0f}/s, {own.cpu:.2f} ms CPU, p99 {own.p99:.0f} ms, {own.wrong} refused",
            against=f"{peer.rate:,.0f}/s, {peer.cpu:.2f} ms CPU, p99 {peer.p99:.0f} ms, {peer.wrong} refused",
            compared=f"{own.rate / peer.rate:.2f} by rate, {peer.cpu / own.cpu:.2f} by CPU",
            goal="1.5",
        )
    ]
