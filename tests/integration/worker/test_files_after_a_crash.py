"""A worker that died after it had stored its file: the next one stores the same, and the file says how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.eventually import eventually
from tests.support.processes import Stack

pytestmark = pytest.mark.real


def test_both_attempts_store_one_file(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", environ={"DARKROOM_TEST_MODE": "on"}) as stack:
        doomed = stack.worker("doomed", DARKROOM_TEST_FAILPOINTS="artifact_stored:kill")
        job_id = stack.submit("image 2", input={"seed": 7})
        eventually(lambda: not doomed.alive, "the worker has died", within=60)
        folder = stack.folder / "data" / "artifacts" / job_id[-2:] / job_id
        stored = {path.name for path in folder.iterdir()}
        stack.scheduler()
        stack.worker("second")
        (job,) = stack.wait_for_status([job_id], "succeeded", seconds=90)
        assert [attempt.outcome for attempt in job.attempts] == ["lost", "succeeded"]
        assert {output.sha256 for output in job.outputs} == stored == {path.name for path in folder.iterdir()}
        for output in job.outputs:
            with Image.open(folder / str(output.sha256)) as picture:
                told = json.loads(picture.info["darkroom"])
            assert (told["job_id"], told["index"], told["input"]["seed"]) == (job_id, output.index, 7)
