"""The promise under continuous faults: 500 jobs, three workers, every fault of the nemesis. Writes docs/reference/chaos.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos import checker, nemesis
from tests.chaos.deployment import LEASE_SECONDS, Deployment, no_mounts
from tests.chaos.generator import plan
from tests.chaos.run import SELF_DEATH, Run
from tests.spaces.launcher import Spaces
from tests.support.processes import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

JOBS = 500
SECONDS = 200.0
#: Another run: ``DARKROOM_CHAOS_SEED=7 ./run soak tests/chaos/test_chaos_long.py``.
SEED = int(os.environ.get("DARKROOM_CHAOS_SEED", "1"))

_PAGE = """# Chaos: the results of a run under continuous faults

Made by `./run soak tests/chaos/test_chaos_long.py`; do not edit. For another run, set `DARKROOM_CHAOS_SEED=7`.

Clients submit, poll, cancel and delete over HTTP for {seconds:.0f} seconds. Meanwhile faults follow one another, often several at
once: three workers, two schedulers and the Redis server are killed and started again; connections are reset, silent or
slow; workers are paused for longer than their lease of {lease} s; the disk of Redis' file and that of the results are full;
the upstream (a real Gradio app) is killed; messages arrive five times or are invalid. Every client call, every job event and every submission at the upstream is recorded.
Afterwards `tests/chaos/checker.py` judges the record:

| verdict | meaning |
|---|---|
| lost | accepted, but not in exactly one final state at the end |
| doubled | two ends, two results, more submissions at the upstream than attempts, more than three of either, or a second attempt beside the first without a hedge |
| resurrected | changed after its end, or took back what a client had seen |
| unexplained | failed without a typed error, or canceled, expired or waiting without a reason |
| broken | made a move that the table of states does not have, has a missing or damaged file, or another run's result |
| untold | a webhook that was due did not arrive, or told something else than what happened |
| late | all well, but more than {settle:.0f} s after the last fault |

A job that failed with a reason has not broken the promise: a worker is killed every four seconds, so some jobs lose three attempts.

Seed {seed}: **{verdict}**

{table}

How attempts ended:

{outcomes}

{problems}
"""


def test_500_jobs_under_continuous_faults_are_all_accounted_for(tmp_path: Path, spaces: Spaces) -> None:
    if problem := no_mounts():
        pytest.skip(problem)
    with Deployment(tmp_path, spaces, disks=True) as deployment:
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
