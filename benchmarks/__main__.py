"""``./run bench [NAME …]``: measure, print, and with ``--write`` keep page, numbers and plots in docs/reference."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import dispatch, environment, growth, jobs, lists, reads, start, submits, waiting, watchers
from benchmarks.plots import PLOTS
from benchmarks.report import Chapter, as_json, page, read
from jobs.limits import NAMES
from tests.support.processes import ROOT, Stack

_CHAPTERS: dict[str, Any] = {
    "reads": reads,
    "lists": lists,
    "submits": submits,
    "watchers": watchers,
    "waiting": waiting,
    "jobs": jobs,
    "growth": growth,
    "dispatch": dispatch,
    "start": start,
}
#: Everything is counted, and nothing is refused.
_ROOMY = {f"DARKROOM_LIMIT_{name.upper()}": str(10**12) for name in NAMES}
_FOLDER = ROOT / "docs" / "reference"
_NUMBERS = _FOLDER / "benchmarks.json"


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="./run bench", description="Darkroom against floors and rivals, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(_CHAPTERS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of a round")
    parser.add_argument("--largest", type=int, default=growth.LARGEST, help="growth up to this power of ten")
    parser.add_argument(
        "--write", action="store_true", help="keep what was found in docs/reference, other chapters as they are"
    )
    asked = parser.parse_args()
    unknown = set(asked.names) - set(_CHAPTERS)
    if unknown or shutil.which("wrk") is None:
        print(f"unknown: {', '.join(unknown)}" if unknown else "wrk is missing (Debian: apt-get install wrk)")
        return 2
    environment.make()
    found = [_measured(name, asked) for name in asked.names or _CHAPTERS]
    if asked.write:
        found = _merged(found)
        _NUMBERS.write_text(as_json(_machine(), found), encoding="utf-8")
        subprocess.run([environment.PYTHON, "-m", "benchmarks.plots", _NUMBERS], cwd=ROOT, check=True)
    plots = {name: f"benchmarks-{name}.svg" for name in PLOTS} if asked.write else {}
    text = page(_machine(), found, plots)
    print(text)
    if asked.write:
        (_FOLDER / "benchmarks.md").write_text(text, encoding="utf-8")
    return 0


def _measured(name: str, asked: argparse.Namespace) -> Chapter:
    chapter = _CHAPTERS[name]
    print(f"\n{chapter.TITLE}", file=sys.stderr)
    run = partial(chapter.run, largest=asked.largest) if chapter is growth else chapter.run
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", environ=_ROOMY) as stack:
        findings = run(stack, asked.rounds, asked.seconds, lambda said: print(f"  {said}", file=sys.stderr))
    return Chapter(name=name, title=chapter.TITLE, how=chapter.HOW, findings=findings)


def _merged(found: list[Chapter]) -> list[Chapter]:
    """The new chapters, and those that were kept before, in order."""
    kept = read(json.loads(_NUMBERS.read_text(encoding="utf-8"))) if _NUMBERS.exists() else []
    known = {chapter.name: chapter for chapter in (*kept, *found)}
    return [known[name] for name in _CHAPTERS if name in known]


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
