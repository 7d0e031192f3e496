"""A function that works for 330 seconds without a word, and a place in its queue that stands still as long: for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spaces import environments
from tests.spaces.launcher import Spaces
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.soak, pytest.mark.timeout(900)]

SECONDS = 330


@pytest.mark.parametrize("line", environments.TESTED[-1:])
def test_each_job_runs_once_and_has_its_result(tmp_path: Path, spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "silent.py")
    config = tmp_path / "providers.toml"
    config.write_text(
        f'[providers.slow]\ndriver = "space"\nurl = "{space.url}"\napi_name = "/slow"\nmodels = ["slow"]\n'
        'parameters = { prompt = "", seconds = 1.0 }\n',
        encoding="utf-8",
    )
    with Stack(tmp_path / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        stack.whole()
        working = stack.submit(model="slow", input={"prompt": "working", "seconds": float(SECONDS)})
        stack.wait_for_status([working], "running", seconds=60)
        waiting = stack.submit(model="slow", input={"prompt": "waiting", "seconds": 0.5})
        jobs = stack.wait_for_status([working, waiting], "succeeded", seconds=SECONDS + 120)
    assert [len(job.attempts) for job in jobs] == [1, 1]
    assert [len(job.outputs) for job in jobs] == [1, 1]
    printed = space.output.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [printed.count(f"start {prompt}") for prompt in ("working", "waiting")] == [1, 1]
