"""A durable submit against the view of any tutorial: with a free slot, and with none."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import peers
from benchmarks.meter import Round, Target, take_turns
from benchmarks.report import Finding
from jobs.record.leases import Leases
from tests.support.processes import Stack

TITLE = "Submit"
HOW = (
    "`POST /v1/jobs`, which is durable, validated, limited and listed when the 202 comes, against the Flask and Celery of"
    " a tutorial, `task.delay()` in a view with a Redis result backend, on the same Redis with its append-only file. A"
    " worker lives, as far as its signs of life tell: once with a slot for each job, so that every submission sends a"
    " message as `delay()` does, and once with all of them taken. Nobody takes the messages of either. Redis' own time is"
    " told apart and not part of the ratio."
)
GOALS = {"a slot is free": "1.5", "none is free": "1.6"}
_SCRIPT = """wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{"model": "echo", "input": {"prompt": "a lighthouse in the fog, oil on canvas"}}'
"""
_ENDLESS = 10**9


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    web, leases = stack.web(), Leases(stack.connection)
    tutorial = peers.start(stack, "tutorial")
    script = stack.folder / "submit.lua"
    script.write_text(_SCRIPT)
    redis = int(stack.client.info("server")["process_id"])

    def slots(number: int) -> Callable[[], None]:
        """Let a worker have so many, after all that wait were sent: else the next round would send them too."""

        def have() -> None:
            leases.beat("w1", _ENDLESS, 3600, [])
            while stack.queue.choose(500):
                pass
            leases.beat("w1", number, 3600, [])

        return have

    targets = [
        Target(name="tutorial", url=f"{tutorial.url}/generate", pid=tutorial.process.popen.pid, script=script, store=redis),
        *(
            Target(
                name=name, url=f"{stack.url}/v1/jobs", pid=web.popen.pid, script=script, store=redis,
                prepare=slots(number),
            )
            for name, number in zip(GOALS, (_ENDLESS, 1), strict=True)
        ),
    ]  # fmt: skip
    stack.submit("wait 1h")
    found = take_turns(targets, rounds, seconds, say)
    peer = found["tutorial"]
    return [
        Finding(
            what=f"submit, {name}",
            darkroom=_told(found[name]),
            against=_told(peer),
            compared=f"{found[name].rate / peer.rate:.2f} by rate, {peer.cpu / found[name].cpu:.2f} by CPU",
            goal=goal,
        )
        for name, goal in GOALS.items()
    ]


def _told(one: Round) -> str:
    return f"{one.rate:,.0f}/s, {one.cpu:.2f} ms CPU (Redis {one.store:.2f}), p99 {one.p99:.0f} ms, {one.wrong} refused"
