"""From ``darkroom up`` to ready, what each process takes at rest, and how long the end takes."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.meter import cpu_seconds, family, own_bytes
from benchmarks.report import Finding
from cli.stack.redis_server import free_port
from tests.support.processes import ROOT, Stack

TITLE = "Start, rest and end"
HOW = (
    "`./run up` on a data directory that has run before, with the embedded Redis and Flower. Ready is when `/readyz` says"
    " so. At rest: 10 seconds without a request. Memory that processes share is counted in parts (PSS)."
)
_REST_SECONDS: Final = 10.0
#: By what a process is known, in its command line.
_NAMES: Final = {
    "worker.flower": "Flower",
    "worker.scheduler": "scheduler",
    "worker": "worker",
    "gunicorn": "web",
    "cli.stack.supervisord": "supervisord",
    "cli": "`darkroom up`",
}


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    environ = {
        **stack.environ,
        "DARKROOM_DATA_DIR": str(stack.folder / "up"),
        "DARKROOM_REDIS_URL": "",
        "DARKROOM_BIND": f"127.0.0.1:{free_port()}",
        "DARKROOM_FLOWER_BIND": f"127.0.0.1:{free_port()}",
    }
    runs = [_run(stack, environ, rests=number == rounds) for number in range(rounds + 1)]
    # The first start makes what the others find.
    for one in runs[1:]:
        say(f"ready after {one.ready:.1f} s, {one.cpu:.1f} s CPU; ended after {one.end:.1f} s")
    ready, cpu, end = (
        statistics.median(values) for values in zip(*((r.ready, r.cpu, r.end) for r in runs[1:]), strict=True)
    )
    rest = runs[-1].rest
    memory, spent = (sum(values) for values in zip(*rest.values(), strict=True))
    return [
        _alone("from `./run up` to ready", f"{ready:.1f} s", ready, "4 s"),
        _alone("processor time until then", f"{cpu:.1f} s", cpu),
        _alone("end of an idle service", f"{end:.1f} s", end),
        *(_alone(f"{name} at rest", _resting(*each), each[0] / 1e6) for name, each in rest.items()),
        _alone("all at rest", _resting(memory, spent), memory / 1e6),
    ]


def _resting(memory: float, spent: float) -> str:
    return f"{memory / 1e6:.0f} MB, {spent:.1f} ms CPU a second"


@dataclass(frozen=True, slots=True)
class _Run:
    """Seconds until it was ready, of processor time until then, and of its end; what each process took at rest."""

    ready: float
    cpu: float
    end: float
    rest: dict[str, tuple[float, float]]


def _run(stack: Stack, environ: dict[str, str], *, rests: bool) -> _Run:
    began = time.monotonic()
    with Path(stack.folder / "up.log").open("ab") as log:
        argv = [sys.executable, "-P", "-m", "cli", "up"]
        process = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    while "darkroom ready" not in (line := process.stdout.readline()):
        assert line, (stack.folder / "up.log").read_text()
    ready, cpu = time.monotonic() - began, cpu_seconds(process.pid)
    rest = _at_rest(process.pid) if rests else {}
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    return _Run(ready, cpu, time.monotonic() - began, rest)


def _at_rest(pid: int) -> dict[str, tuple[float, float]]:
    """Bytes, and processor milliseconds a second, by process; a web server's processes together."""
    time.sleep(2.0)
    spent = {each: _own_cpu(each) for each in family(pid)}
    time.sleep(_REST_SECONDS)
    found: dict[str, tuple[float, float]] = {}
    for each, before in spent.items():
        memory, cpu = found.get(_name(each), (0.0, 0.0))
        found[_name(each)] = memory + own_bytes(each), cpu + (_own_cpu(each) - before) * 1000 / _REST_SECONDS
    return found


def _own_cpu(pid: int) -> float:
    """From the scheduler's counters: ticks are too coarse for what rests."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _name(pid: int) -> str:
    line = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "-m" not in line:
        return Path(line[0].partition(" ")[0]).name
    module = line[line.index("-m") + 1]
    return _NAMES.get(module, module)


def _alone(what: str, said: str, number: float, goal: str = "") -> Finding:
    return Finding(what=what, darkroom=said, against="", compared="", goal=goal, numbers={"value": number})
