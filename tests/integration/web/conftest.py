"""A real web server on a real Redis, and jobs that a test leads by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_driver import Hand
from tests.support.processes import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web and Redis; no worker."""
    folder: Path = tmp_path_factory.mktemp("web")
    with Stack(folder / "stack") as running:
        running.web()
        yield running


@pytest.fixture
def hand(stack: Stack) -> Hand:
    return Hand(stack.store, stack.jobs, stack.artifacts)
