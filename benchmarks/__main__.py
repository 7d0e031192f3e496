"""``./run bench [NAME …]``: measure, print, and with ``--write`` keep the page in docs/reference."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import jobs, reads, submits, watchers
from benchmarks.report import Finding, page
from jobs.limits import NAMES
from tests.support.processes import ROOT, Stack

_CHAPTERS = {"reads": reads, "submits": submits, "watchers": watchers, "jobs": jobs}
#: Everything is counted, and nothing is refused.
_ROOMY = {f"DARKROOM_LIMIT_{name.upper()}": str(10**12) for name in NAMES}


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="./run bench", description="Darkroom against floors and peers, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(_CHAPTERS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of a round")
    parser.add_argument("--write", action="store_true", help="write docs/reference/benchmarks.md")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(_CHAPTERS)
    if unknown or shutil.which("wrk") is None:
        print(f"unknown: {', '.join(unknown)}" if unknown else "wrk is missing (Debian: apt-get install wrk)")
        return 2
    chapters: list[tuple[str, str, list[Finding]]] = []
    for name in asked.names or _CHAPTERS:
        chapter = _CHAPTERS[name]
        print(f"\n{chapter.TITLE}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", environ=_ROOMY) as stack:
            findings = chapter.run(stack, asked.rounds, asked.seconds, lambda said: print(f"  {said}", file=sys.stderr))
        chapters.append((chapter.TITLE, chapter.HOW, findings))
    text = page(_machine(), chapters)
    print(text)
    if asked.write:
        (ROOT / "docs" / "reference" / "benchmarks.md").write_text(text, encoding="utf-8")
    return 0


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
