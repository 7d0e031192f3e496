"""A minute of chaos for every change: the faults that broke most designs, on a small service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import checker, nemesis
from tests.chaos.deployment import Deployment
from tests.chaos.generator import plan
from tests.chaos.run import Run
from tests.spaces.launcher import Spaces

pytestmark = [pytest.mark.live, pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]

JOBS = 50
SECONDS = 20.0
SEED = 20
#: Often, since the run is short; pauses and splits beyond the lease are left to the long run.
HABITS = {
    "kill worker": nemesis.Habit(4, 0.1, 1),
    "kill Redis": nemesis.Habit(9, 0.3, 1),
    "cut workers from Redis": nemesis.Habit(6),
    "cut clients from Redis": nemesis.Habit(6),
    "cut workers from upstream": nemesis.Habit(8),
    "duplicate messages": nemesis.Habit(5),
    "poison messages": nemesis.Habit(4),
}


def test_every_job_of_a_short_run_under_faults_is_accounted_for(tmp_path: Path, spaces: Spaces) -> None:
    with Deployment(tmp_path, spaces, workers=2) as deployment:
        deployment.start()
        errands = plan(SEED, JOBS, SECONDS - 3, deployment.hooks.add("run").url)
        run = Run(deployment, errands, nemesis.schedule(SEED, SECONDS, HABITS, targets=2))
        report = run.go()
    print(checker.table(report))
    assert run.surprises == []
    assert checker.details(report) == ""
    assert not report.gave_up, "not everything settled"
    assert report.counts["ok"] == JOBS
    assert report.ended_meanwhile > 0
    assert any(story.received for story in report.stories), "no webhook came"
    assert report.hedges > 0
    assert set(report.faults) == set(HABITS), "a fault did not happen, or a worker ended by itself"
