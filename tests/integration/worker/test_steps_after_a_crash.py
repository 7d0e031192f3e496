"""A worker that dies in the second of three steps: the job ends right, and the app is left with no submission of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import requests

from providers.echo.painting import paint
from tests.integration.providers.test_steps import TOML
from tests.spaces.launcher import Spaces
from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.timeout(300)]


def test_the_steps_run_again_and_the_first_submission_is_canceled(tmp_path: Path, spaces: Spaces) -> None:
    space = spaces.get("6", "steps.py")
    config = tmp_path / "providers.toml"
    config.write_text(TOML.format(url=space.url, style="call"), encoding="utf-8")
    picture = "data:image/png;base64," + base64.b64encode(paint("a picture", 1, 64, 48)).decode()
    before = len(space.notes("extract"))
    given = {"prompt": "crash", "image": picture, "seconds": 6.0}
    with Stack(tmp_path / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        doomed = stack.whole()
        answer = requests.post(f"{stack.url}/v1/jobs", json={"model": "modeler", "input": given}, timeout=10)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]

        def shown() -> float:
            progress = requests.get(f"{stack.url}/v1/jobs/{job_id}", timeout=10).json().get("progress") or {}
            return float(progress.get("fraction") or 0)

        eventually(lambda: 0.2 < shown() < 0.9, "the second step is seen to work", within=90)
        doomed.kill()
        stack.worker("second")
        (job,) = stack.wait_for_status([job_id], "succeeded", seconds=120)
        assert [attempt.outcome for attempt in job.attempts] == ["lost", "succeeded"]
        assert "resubmitted: the earlier submission was canceled or lost" in job.attempts[1].notes
        first = job.outputs[0]
        assert (first.kind, first.width, first.height) == ("image", 32, 32)
        # The session of the lost attempt never came to its third step.
        assert len(space.notes("extract")) == before + 1
