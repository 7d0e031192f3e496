"""A real web server on a real Redis, and jobs that a test leads by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Web and Redis; no worker."""
    folder: Path = tmp_path_factory.mktemp("web")
    with Stack(folder / "stack") as running:
        running.web()
        yield running


@pytest.fixture
def fake_worker(stack: Stack) -> FakeWorker:
    return FakeWorker(stack)
