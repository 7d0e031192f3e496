"""What each program builds when it starts, and how it ends when its configuration is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import requests

from cli.stack import programs
from cli.stack.redis_server import free_port
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(120)

#: What runs jobs: what a process that only looks on must not load.
RUNS_JOBS = {"worker.lifecycle", "worker.services", "jobs.record.store", "providers.catalog"}


def test_flower_builds_no_worker_and_needs_no_redis_to_start(tmp_path: Path) -> None:
    port, config, trace = free_port(), tmp_path / "flower.py", tmp_path / "imports"
    config.write_text(programs.flower_config("127.0.0.1", port, "password"))
    python, *rest = programs.flower(config)
    environ = {**os.environ, "DARKROOM_REDIS_URL": "redis://127.0.0.1:1", "DARKROOM_DATA_DIR": str(tmp_path / "data")}

    def answers() -> bool:
        return requests.get(f"http://127.0.0.1:{port}/healthcheck", timeout=5).ok

    with trace.open("w") as file:
        process = subprocess.Popen((python, "-v", *rest), env=environ, stderr=file, stdout=file)
    try:
        eventually(answers, "Flower answers", within=60, despite=(requests.ConnectionError,))
    finally:
        process.kill()
        process.wait()
    loaded = set(re.findall(r"^ *import '([\w.]+)'", trace.read_text(), re.MULTILINE))
    assert "worker.celery" in loaded
    assert loaded & RUNS_JOBS == set()
    assert {name.partition(".")[0] for name in loaded} & {"prompt_toolkit", "rich", "yaml"} == set()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("argv", "status"), [(programs.WORKER, 2), (programs.SCHEDULER, 1)], ids=["worker", "scheduler"]
)
def test_a_wrong_configuration_ends_a_program_with_one_line(tmp_path: Path, argv: tuple[str, ...], status: int) -> None:
    config = tmp_path / "providers.toml"
    config.write_text("[providers.mine]\ndriver = 'nothing'\n")
    environ = {
        **os.environ, "DARKROOM_REDIS_URL": "redis://127.0.0.1:1", "DARKROOM_DATA_DIR": str(tmp_path / "data"),
        "DARKROOM_CONFIG": str(config), "DARKROOM_LOG_FORMAT": "json",
    }  # fmt: skip
    answer = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
    said = [json.loads(line) for line in answer.stderr.splitlines() if line.startswith("{")]
    assert answer.returncode == status
    assert [line["level"] for line in said] == ["critical"]
    assert said[0]["event"].startswith(f"cannot start: {config}: ")
    assert "Traceback" not in answer.stderr
