"""Threads are started in one place, which says what becomes of the process when one ends (:mod:`resilience`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "web", "worker", "jobs", "providers")
#: A pool of system threads beside the greenlets. A greenlet waits for each piece of work, and gets whatever it raises.
ALLOWED = {"web/http/threads.py": {"ThreadPool"}}
#: What starts threads.
STARTERS = {"Thread", "Timer", "ThreadPoolExecutor", "ThreadPool", "start_new_thread", "start_joinable_thread"}


def sources() -> Iterator[Path]:
    yield from (path for path in ROOT.glob("*.py") if path.name != "resilience.py")
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def started(tree: ast.AST) -> list[str]:
    """The starters that a file calls, imports or inherits from; an annotation names a type and starts nothing."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call | ast.ClassDef):
            named = [node.func] if isinstance(node, ast.Call) else node.bases
            found += [ast.unparse(name) for name in named if ast.unparse(name).rpartition(".")[2] in STARTERS]
        elif isinstance(node, ast.ImportFrom):
            found += [alias.name for alias in node.names if alias.name in STARTERS]
    return found


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_file_starts_a_thread(path: Path) -> None:
    found = set(started(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == ALLOWED.get(str(path.relative_to(ROOT)), set())


@pytest.mark.parametrize(
    "code",
    [
        "import threading\nthreading.Thread(target=print).start()",
        "from threading import Timer",
        "from concurrent.futures import ThreadPoolExecutor",
        "import _thread\n_thread.start_new_thread(print, ())",
        "import threading\nclass Own(threading.Thread): ...",
    ],
)
def test_the_guard_finds_every_way_to_start_one(code: str) -> None:
    assert started(ast.parse(code))
