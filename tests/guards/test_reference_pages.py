"""The pages of docs/reference/ say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import PAGES, stale
from jobs.error_codes import CAUSES
from worker.attempts import mapping

DOCS = Path(__file__).parents[2] / "docs" / "reference"
WORKER = Path(__file__).parents[2] / "worker"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str) -> None:
    assert not stale(name), "run: ./run docs"


def test_every_error_code_of_a_job_is_explained() -> None:
    made = set(mapping.CODES.values()) | {"invalid_input", "content_rejected"}
    for source in WORKER.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        made |= set(re.findall(r'code="(\w+)"', text)) | set(re.findall(r'_(?:failure|failed)\("(\w+)"', text))
    assert set(CAUSES) == made


def test_every_metric_of_the_operating_page_exists() -> None:
    named = set(
        re.findall(r"`[^`]*?(darkroom_\w+)", (DOCS.parent / "how-to" / "operate.md").read_text(encoding="utf-8"))
    )
    known = set(re.findall(r"`(darkroom_\w+)`", (DOCS / "metrics.md").read_text(encoding="utf-8")))
    assert named
    assert named <= known
