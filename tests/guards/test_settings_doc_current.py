"""The page about the settings says what the code says."""

from __future__ import annotations

from pathlib import Path

import settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_settings_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings.reference(), (
        "run: ./run python settings.py > docs/reference/settings.md"
    )
