"""Files and names that documents and docstrings mention exist, and every link between documents leads to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = "benchmarks|cli|docs|examples|jobs|media|providers|requirements|settings|tests|web|worker"
#: A path in backticks: in one of our folders, or a file of the top folder.
PATH = re.compile(rf"`((?:(?:{FOLDERS})/[\w./-]+)|\w+\.py|pyproject\.toml|docker-compose\.yml)(?::\d+)?`")
#: Files that a reader makes.
TO_BE_MADE = {"providers/drivers/lighthouse_keeper.py", "darkroom_colour.py", "read_recipe.py", "receiver.py"}
LINK = re.compile(r"\]\(([^)\s]+)\)")
SOURCES = sorted(
    path
    for folder in FOLDERS.split("|")
    for kind in ("*.py", "*.lua", "*.js")
    for path in (ROOT / folder).rglob(kind)
    if path != Path(__file__)
)
#: A path in a comment or docstring, and a reference of Sphinx to a module, class or function.
NAMED_FILE = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]+\.(?:py|md|lua|txt|js|css|html))")
REFERENCE = re.compile(rf":(?:mod|class|func|data|meth|attr|exc):`~?((?:{FOLDERS})\.[\w.]+)`")


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


@pytest.mark.parametrize("folder", FOLDERS.split("|"))
def test_what_comments_and_docstrings_name_exists(folder: str) -> None:
    for source in SOURCES:
        if source.is_relative_to(ROOT / folder):
            text = source.read_text(encoding="utf-8")
            lost = {path for path in NAMED_FILE.findall(text) if not (ROOT / path).exists()}
            assert not lost | {name for name in REFERENCE.findall(text) if not is_defined(name)}, source


def is_defined(name: str) -> bool:
    """Whether a dotted name begins with a module whose text has the next part of it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)
        if module is not None:
            text = module.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", text) for part in parts[length : length + 1])
    return False
