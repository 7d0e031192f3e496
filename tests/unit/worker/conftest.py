"""Fixtures for the tests of the worker's parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worker_parts import WorkerParts


@pytest.fixture
def parts(tmp_path: Path) -> WorkerParts:
    """A worker's parts with an empty record."""
    return WorkerParts(tmp_path)
