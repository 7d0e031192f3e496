"""Fixtures for driver-level tests."""

from __future__ import annotations

import pytest

from providers.echo.painting import paint
from providers.spec import InputFile
from tests.spaces.hub import hub

__all__ = ["hub"]


@pytest.fixture
def picture() -> InputFile:
    """A small picture to talk about."""
    return InputFile("picture.png", paint("a picture", 1, 64, 48), "image/png")
