"""Fixtures for the tests of the worker's parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worker_parts import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A worker's parts with an empty record."""
    return Rig(tmp_path)
