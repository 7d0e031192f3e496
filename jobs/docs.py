"""The reference pages about states, Redis keys and metrics, from the code."""

from __future__ import annotations

import inspect
from typing import Final

from jobs import metrics
from jobs.model import Status
from jobs.record import keys
from jobs.record.keys import Key
from jobs.states import MAX_ATTEMPTS, TRANSITIONS

_HEAD: Final = "Made by `./run docs`; do not edit."
_SCRAPE: Final = (
    "`GET /metrics` answers in Prometheus' text format, and needs a key with the scope `admin`. What to alert on:"
    " [operate](../how-to/operate.md#watch-it)."
)
_COUNTED: Final = (
    "These processes have no port. Once a second they add their counts to sums in Redis, and the sums are shown: of all"
    " processes together, also of those that have ended ([why](../explanation/decisions/0015-metrics-without-a-port.md))."
)


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


def metrics_page() -> str:
    """Every metric (Markdown)."""
    parts = (
        ("Of the web face", "Each web process counts its requests; all processes are shown together.", metrics.OF_WEB),
        ("Of the service as it stands", "Read from Redis at each scrape.", metrics.OF_REDIS),
        ("Of workers and the scheduler", _COUNTED, metrics.COUNTED),
    )
    lines = ["# Metrics", "", _HEAD, "", _SCRAPE]
    for title, text, found in parts:
        lines += ["", f"## {title}", "", text, "", "| metric | kind | labels | what it says |", "|---|---|---|---|"]
        lines += [f"| `{m.name}` | {m.kind} | {_code(m.labels)} | {m.help} |" for m in found]
    return "\n".join(lines) + "\n"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _first_line(thing: type) -> str:
    return inspect.cleandoc(thing.__doc__ or "").splitlines()[0]
