"""What the benchmarks found, as a page and as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was measured, of Darkroom and of what it is compared with, and how the two compare.

    ``numbers`` are the same as numbers, by names that end with their unit: for the JSON file and the plots.
    """

    what: str
    darkroom: str
    against: str
    compared: str
    goal: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of the page: its name for the command line, its title, how it is measured, what was found."""

    name: str
    title: str
    how: str
    findings: Sequence[Finding]


_HEAD = """# Benchmarks

Made by `./run bench --write`; do not edit. Times from one machine tell little, so each line has a comparison from the same
run. Both are measured in turns, and the medians are shown. "CPU" is the processor time of the server's processes for one
request; unlike requests per second, it hardly depends on other programs on the machine. The load is made on the same
machine and uses a part of it. The same as numbers: [benchmarks.json](benchmarks.json).

"""


def page(machine: str, chapters: Sequence[Chapter], plots: Mapping[str, str]) -> str:
    """The page.

    Args:
        machine: What it was measured on.
        chapters: In order.
        plots: The file of a chapter's plot, by the chapter's name.
    """
    parts = [_HEAD, f"Measured on: {machine}.\n"]
    for chapter in chapters:
        parts.append(f"\n## {chapter.title}\n\n{chapter.how}\n\n")
        if chapter.name in plots:
            parts.append(f"![{chapter.title}]({plots[chapter.name]})\n\n")
        parts.append("| | Darkroom | compared with | ratio | goal |\n|---|---|---|---|---|\n")
        parts += [
            f"| {one.what} | {one.darkroom} | {one.against} | {one.compared} | {one.goal} |\n"
            for one in chapter.findings
        ]
    return "".join(parts)


def as_json(machine: str, chapters: Sequence[Chapter]) -> str:
    """The same as JSON."""
    return json.dumps({"machine": machine, "chapters": [asdict(chapter) for chapter in chapters]}, indent=1) + "\n"


def read(kept: Mapping[str, Any]) -> list[Chapter]:
    """The chapters in what :func:`as_json` wrote."""
    return [
        Chapter(**{**chapter, "findings": [Finding(**finding) for finding in chapter["findings"]]})
        for chapter in kept["chapters"]
    ]
