"""Every file that a document names is in the repository, and every link between documents leads to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = "benchmarks|cli|docs|examples|jobs|providers|requirements|tests|web|worker"
#: A path in backticks: in one of our folders, or a file of the top folder.
PATH = re.compile(rf"`((?:(?:{FOLDERS})/[\w./-]+)|\w+\.py|pyproject\.toml|docker-compose\.yml)(?::\d+)?`")
#: Files that a reader makes.
TO_BE_MADE = {"providers/drivers/lighthouse_keeper.py", "darkroom_colour.py", "read_recipe.py", "receiver.py"}
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_and_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lost = {path for path in PATH.findall(text) if path not in TO_BE_MADE and not (ROOT / path).exists()}
    for link in LINK.findall(text):
        target, _, anchor = link.partition("#")
        if "://" in link or target.startswith("mailto:"):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            lost.add(link)
    assert not lost
