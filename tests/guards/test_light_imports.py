"""Importing the libraries loads no framework: a driver author, and a tool that reads jobs, need none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("jobs", "flask celery kombu redis requests PIL structlog providers"),
        ("jobs.states", "flask celery kombu redis requests PIL providers"),
        ("jobs.record.types", "flask celery kombu redis requests PIL providers"),
        ("jobs.record.messages", "flask celery kombu redis requests PIL providers"),
        ("jobs.record.store", "flask celery kombu requests PIL providers"),
        ("jobs.service", "flask celery kombu requests PIL providers"),
        ("providers", "flask celery kombu redis requests PIL jobs settings"),
        ("providers.registry", "flask celery kombu redis requests PIL jobs settings"),
        ("worker.attempts.runner", "flask celery kombu settings"),
        ("worker.celery", "flask redis requests PIL providers jobs.record.store worker.services worker.lifecycle"),
        ("worker.scheduler.__main__", "flask celery kombu worker.services worker.attempts.runner worker.heartbeat"),
        ("worker.scheduler.__main__", "PIL rich yaml requests"),
        ("worker.__main__", "flask redis requests PIL rich yaml flower tornado prompt_toolkit"),
        ("worker.lifecycle", "flask rich requests flower tornado"),
        ("worker.flower", "flask requests PIL rich yaml prompt_toolkit providers jobs.record.store worker.lifecycle"),
        ("worker.isolated", "flask celery kombu rich"),
        ("web.app", "celery kombu requests rich worker"),
        ("cli.main", "flask celery kombu redis requests rich PIL jobs.record.store"),
        ("cli.commands.api.mcp", "flask celery kombu redis requests rich PIL providers web"),
        ("cli.commands.operator.up", "flask celery kombu rich PIL"),
        ("cli.stack.supervisord", "flask celery kombu redis requests rich PIL click structlog jobs providers settings"),
    ],
)
def test_an_import_loads_nothing_that_it_does_not_need(module: str, absent: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({absent!r}.split()) & set(sys.modules)))"
    # Nothing listens there: an import must not need a server.
    environ = {**os.environ, "DARKROOM_REDIS_URL": "redis://127.0.0.1:1"}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.split() == []


def test_the_top_level_names_are_ours() -> None:
    """They are generic, so another package of the environment could stand in their way."""
    code = "import jobs, providers, web, worker, cli, logs, media, process, resilience, retry_after, settings as s; print(*(m.__file__ for m in (jobs, providers, web, worker, cli, logs, media, process, resilience, retry_after, s)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert all(Path(name).is_relative_to(ROOT) for name in answer.stdout.split())
