"""docs/reference/providers.md is what the drivers declare."""

from __future__ import annotations

from pathlib import Path

from providers import docs
from providers.catalog import Catalog

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "providers.md"


def test_the_reference_of_providers_is_current() -> None:
    made = docs.page(Catalog.load(installed=[]).specs()) + "\n"
    assert PAGE.read_text(encoding="utf-8") == made, "run: python -m providers docs > docs/reference/providers.md"
