"""The promise under continuous faults: 500 jobs, three workers, every fault of the nemesis. Writes docs/reference/chaos.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos import checker, nemesis
from tests.chaos.deployment import LEASE_SECONDS, Deployment
from tests.chaos.generator import plan
from tests.chaos.run import SELF_DEATH, Run
from tests.spaces.launcher import Spaces
from tests.support.processes import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

JOBS = 500
SECONDS = 200.0
#: Another run: ``DARKROOM_CHAOS_SEED=7 ./run soak tests/chaos/test_chaos_long.py``.
SEED = int(os.environ.get("DARKROOM_CHAOS_SEED", "1"))

_PAGE = """# Chaos: what a run under continuous faults showed

Made by `./run soak tests/chaos/test_chaos_long.py`; do not edit. `DARKROOM_CHAOS_SEED=7` in front of it makes another run.

Clients submit, poll, cancel and delete over HTTP for {seconds:.0f} seconds, while faults come one after the other and
often several at once: three workers, two schedulers and the Redis server are killed and started again, connections are
reset, go silent or slow, workers are paused beyond their lease of {lease} s, the upstream (a real Gradio app) is
killed, and messages come five times over or are rubbish. Every client call, every event of every job's log, and every
submission that the upstream saw is written down, and judged afterwards by `tests/chaos/checker.py`:

| verdict | what it would mean |
|---|---|
| lost | accepted, and not in exactly one final state at the end |
| doubled | two ends, two results, more submissions at the upstream than attempts, more than three of either, or a second attempt beside the first that nobody asked for |
| resurrected | changed after its end, or something that a client had seen was taken back |
| unexplained | failed without a typed error, or canceled, expired or waiting without a reason |
| broken | a step that the state machine lacks, a missing or damaged file, another run's result |
| late | all well, but more than {settle:.0f} s after the last fault |

A failed job is a kept promise when it says why: with a worker killed every four seconds some jobs lose three attempts.

Seed {seed}: **{verdict}**

{table}

How attempts ended:

{outcomes}

{problems}
"""


def test_500_jobs_under_continuous_faults_are_all_accounted_for(tmp_path: Path, spaces: Spaces) -> None:
    with Deployment(tmp_path, spaces) as deployment:
        deployment.start()
        errands = plan(SEED, JOBS, SECONDS - 15, deployment.hooks.add("run").url)
        run = Run(deployment, errands, nemesis.schedule(SEED, SECONDS))
        report = run.go()
    table = checker.table(report)
    print(table)
    assert run.surprises == []
    assert sum(report.counts.values()) == JOBS
    assert report.ended_meanwhile >= JOBS // 4, "the workers did little but start: nothing was there to be harmed"
    assert set(report.faults) - {SELF_DEATH} == set(nemesis.HABITS)
    # A run that was a proper one is kept, whatever it showed.
    _write(table, report)
    assert checker.details(report) == ""
    assert not report.gave_up, "not everything settled"
    assert SELF_DEATH not in report.faults
    assert report.settled_seconds is not None
    assert report.settled_seconds <= checker.SETTLE_SECONDS


def _write(table: str, report: checker.Report) -> None:
    rows = [f"| {outcome} | {count} |" for outcome, count in sorted(checker.by_outcome(report).items())]
    # Without the ids: they say nothing to a reader.
    bad = [f"{verdict.kind}: {problem.invariant}: {problem.text}" for verdict, problem in report.problems]
    page = _PAGE.format(
        seconds=SECONDS,
        lease=LEASE_SECONDS,
        settle=checker.SETTLE_SECONDS,
        seed=SEED,
        verdict=f"{JOBS - report.counts['ok']} of {JOBS} jobs broke an invariant"
        if bad
        else f"all {JOBS} jobs kept every invariant",
        problems="\n".join(["What was broken:", "", *(f"* {line}" for line in bad)]) if bad else "",
        table=table,
        outcomes="\n".join(["| | |", "|---|---:|", *rows]),
    )
    (ROOT / "docs" / "reference" / "chaos.md").write_text(page.rstrip() + "\n", encoding="utf-8")
