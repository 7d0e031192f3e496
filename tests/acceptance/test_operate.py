"""docs/how-to/operate.md: a service that is stopped, saved and restored as the page says."""

from __future__ import annotations

import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.support.installation import Installation
from tests.support.pages import HOW_TO, blocks, run

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


#: They stop together, and Redis after them.
OTHERS = {"web", "scheduler", "worker", "flower"}


def test_signals_stop_everything_in_order_and_a_backup_brings_back_jobs_files_and_keys(tmp_path: Path) -> None:
    backup, restore = blocks(HOW_TO / "operate.md", "sh")
    data = tmp_path / "data"
    with closing(Installation(data).ready()) as before:
        auth = {"Authorization": f"Bearer {before.cli('keys', 'create', 'first').stdout.strip()}"}
        body = {"model": "echo", "input": {"prompt": "a lighthouse"}}
        headers = {**auth, "Prefer": "wait=30"}
        job = requests.post(f"{before.url}/v1/jobs", json=body, headers=headers, timeout=60).json()
        image = requests.get(job["outputs"][0]["url"], headers=auth, timeout=10).content
        long = {"model": "echo", "input": {"script": ["wait 2s", "image"]}}
        running = requests.post(f"{before.url}/v1/jobs", json=long, headers=auth, timeout=10).json()["id"]
        assert before.stop(signal.SIGTERM) == 0
    *others, last = before.stop_order
    assert (set(others), last) == (OTHERS, "redis")
    assert before.leftovers() == []
    run(["sh", "-ec", backup], tmp_path, before.url, DARKROOM_DATA_DIR=str(data))
    shutil.rmtree(data)
    run(["sh", "-ec", restore], tmp_path, before.url, DARKROOM_DATA_DIR=str(data))
    with closing(Installation(data).ready()) as after:
        again = requests.get(f"{after.url}/v1/jobs/{job['id']}", headers=auth, timeout=10).json()
        assert again["status"] == "succeeded"
        assert requests.get(again["outputs"][0]["url"], headers=auth, timeout=10).content == image
        assert requests.get(f"{after.url}/v1/jobs", timeout=10).status_code == 401
        waits = {**auth, "Prefer": "wait=30"}
        outlived = requests.get(f"{after.url}/v1/jobs/{running}", headers=waits, timeout=60).json()
        assert outlived["status"] == "succeeded"
        assert after.stop(signal.SIGINT) == 0
    *others, last = after.stop_order
    assert (set(others), last) == (OTHERS, "redis")
    assert after.leftovers() == []
