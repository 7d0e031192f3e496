"""What the benchmarks found, as a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was measured, of Darkroom and of what it is compared with, and how the two compare."""

    what: str
    darkroom: str
    against: str
    compared: str
    goal: str = ""


_HEAD = """# Benchmarks

Made by `./run bench --write`; do not edit. Times from one machine tell little, so each line has a comparison from the same
run. Both are measured in turns, and the medians are shown. "CPU" is the processor time of the server's processes for one
request; unlike requests per second, it hardly depends on other programs on the machine. The load is made on the same
machine and uses a part of it.

"""


def page(machine: str, chapters: Sequence[tuple[str, str, Sequence[Finding]]]) -> str:
    """The page.

    Args:
        machine: What it was measured on.
        chapters: Title, how it is measured, findings.
    """
    parts = [_HEAD, f"Measured on: {machine}.\n"]
    for title, how, findings in chapters:
        parts.append(f"\n## {title}\n\n{how}\n\n| | Darkroom | compared with | ratio | goal |\n|---|---|---|---|---|\n")
        parts += [
            f"| {one.what} | {one.darkroom} | {one.against} | {one.compared} | {one.goal} |\n" for one in findings
        ]
    return "".join(parts)
