"""The reference pages about states and Redis keys, from the code."""

from __future__ import annotations

import inspect
from typing import Final

from jobs.model import Status
from jobs.record import keys
from jobs.record.keys import Key
from jobs.states import MAX_ATTEMPTS, TRANSITIONS

_HEAD: Final = "Made by `./run docs`; do not edit."


def states() -> str:
    """The state table as a diagram and as a list (Markdown)."""
    moves = [
        (source, event.__name__, target)
        for source, row in TRANSITIONS.items()
        for event, target in row.items()
        if source is not target
    ]
    lines = [
        "# States of a job",
        "",
        _HEAD,
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> queued: Submitted",
        "    [*] --> succeeded: Recalled",
    ]
    lines += [f"    {source} --> {target}: {event}" for source, event, target in moves]
    lines += [f"    {status} --> [*]" for status in Status if status.is_terminal]
    lines += ["```", ""]
    lines.append(
        f"A job gets at most {MAX_ATTEMPTS} attempts; those that a stopping worker handed back do not count."
        " A final state never changes."
    )
    lines += ["", "| in state | event | what it says | next |", "|---|---|---|---|"]
    for source, row in TRANSITIONS.items():
        for event, target in row.items():
            lines.append(f"| {source} | `{event.__name__}` | {_first_line(event)} | {target} |")
    return "\n".join(lines) + "\n"


def redis_keys() -> str:
    """The data dictionary (Markdown)."""
    about = inspect.cleandoc(keys.__doc__ or "").split("\n\n", 2)[2]
    lines = [
        "# Keys in Redis",
        "",
        _HEAD,
        "",
        about.replace("``", "`"),
        "",
        "| key | type | holds | lives |",
        "|---|---|---|---|",
    ]
    declared = [key for key in vars(keys).values() if isinstance(key, Key)]
    lines += [f"| `{key}` | {key.kind} | {key.holds} |{key.lives and f' {key.lives}'} |" for key in declared]
    return "\n".join(lines) + "\n"


def _first_line(thing: type) -> str:
    return inspect.cleandoc(thing.__doc__ or "").splitlines()[0]
