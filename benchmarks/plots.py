"""Plots of benchmarks.json, as SVG: ``python -m benchmarks.plots FILE``, in the bench's environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

#: Said of Darkroom, and of all others.
_OURS: Final = "#2b6cb0"
_OTHERS: Final = "#a0aec0"

Findings = list[dict[str, Any]]


def polls(axes: Any, findings: Findings) -> None:  # noqa: ANN401 - matplotlib's
    """Processor time of one poll, of Darkroom and of each rival."""
    rivals = [one for one in findings if "against the floor" not in one["what"]]
    own = next(one for one in findings if one["what"].startswith("finished"))
    bars = [("Darkroom, finished", own["numbers"]["cpu_ms"]), ("floor: Flask, bytes", own["numbers"]["other_cpu_ms"])]
    bars += [(one["what"], one["numbers"]["other_cpu_ms"]) for one in rivals]
    _bars(axes, bars, "processor time of a status poll, ms (less is better)")


def waves(axes: Any, findings: Findings) -> None:  # noqa: ANN401
    """Wall time of 200 jobs, of Darkroom and of each client."""
    compared = [one for one in findings if "other_wall_s" in one["numbers"]]
    bars = [("Darkroom", compared[0]["numbers"]["wall_s"])]
    bars += [(one["what"].partition("against ")[2], one["numbers"]["other_wall_s"]) for one in compared]
    _bars(axes, bars, "200 jobs of 4 s each at once, s (less is better)")


def growth(axes: Any, findings: Findings) -> None:  # noqa: ANN401
    """Time by the number of jobs."""
    for one in findings:
        if "memory" not in one["what"]:
            sizes = [int(name.removeprefix("at_")) for name in one["numbers"]]
            axes.plot(sizes, list(one["numbers"].values()), marker="o", label=one["what"])
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("finished jobs")
    axes.set_ylabel("ms")
    axes.legend(frameon=False, fontsize="small")


#: By the chapter's name.
PLOTS: Final[dict[str, Callable[[Any, Findings], None]]] = {"reads": polls, "jobs": waves, "growth": growth}


def _bars(axes: Any, bars: list[tuple[str, float]], title: str) -> None:  # noqa: ANN401
    names, values = zip(*reversed(bars), strict=True)
    axes.barh(names, values, color=[_OURS if name.startswith("Darkroom") else _OTHERS for name in names])
    axes.bar_label(axes.containers[0], fmt="%.2f", padding=3)
    axes.set_title(title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def main(file: Path) -> None:
    """Draw each chapter that has a plot, beside the file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The same findings give the same file, and text stays text.
    mpl.rcParams |= {"svg.hashsalt": "darkroom", "svg.fonttype": "none"}
    for chapter in json.loads(file.read_text(encoding="utf-8"))["chapters"]:
        if chapter["name"] in PLOTS:
            figure = Figure(figsize=(8, 3.6), layout="constrained")
            PLOTS[chapter["name"]](figure.subplots(), chapter["findings"])
            figure.savefig(file.parent / f"benchmarks-{chapter['name']}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
