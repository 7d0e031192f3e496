"""The table of clients says nothing that no test shows, and leaves no dialect out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import compatibility
from docs.compatibility import Mark
from tests.support.pages import HOW_TO, ROOT, blocks
from web import dialects

MARKS = compatibility.marks()
CLIENTS = ROOT / "tests" / "clients"
PROGRAMS = " ".join(
    path.read_text(encoding="utf-8") for kind in ("*.py", "*.mjs") for path in sorted(CLIENTS.rglob(kind))
)


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: f"{mark.dialect}-{mark.environment}-{mark.package}")
def test_a_mark_names_a_package_and_calls_that_a_program_makes(mark: Mark) -> None:
    if mark.environment == compatibility.REQUESTS:
        return
    assert compatibility.version_of(mark.environment, mark.package)
    words = {word for call in mark.calls for word in re.findall(r"\w+", call)}
    assert {word for word in words if not re.search(rf"\b{word}\b", PROGRAMS)} == set(), "no program in tests/clients"


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_dialect_has_a_client_that_works(name: str) -> None:
    assert [mark for mark in MARKS if mark.dialect == name], f"mark a test in test_{name}_clients.py"


@pytest.mark.parametrize("name", dialects.NAMES)
def test_a_dialect_has_a_page_with_a_script_before_and_after(name: str) -> None:
    """And the page is found: docs/README.md leads to it."""
    dialect = dialects.load(name)
    lines = [line for text in blocks(HOW_TO / dialect.page, "diff") for line in text.splitlines()]
    assert {"-", "+"} <= {line[:1] for line in lines}
    assert f"(how-to/{dialect.page})" in (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def test_a_mark_elsewhere_is_in_no_table() -> None:
    marked = {path.parent for path in (ROOT / "tests").rglob("test_*.py") if "@pytest.mark.client(" in _text(path)}
    assert marked - {Path(__file__).parent} == {compatibility.TESTS}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
