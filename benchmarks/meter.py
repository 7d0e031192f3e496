"""Load by wrk, and the processor time that a server spends on it.

Requests a second depend on all else that runs on the machine; processor time a
request hardly does. Both are measured, in short rounds that take turns, and
the medians are compared.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to ask again and again.

    Args:
        name: What it is called in the table.
        url: Its address.
        pid: The server's first process.
        script: A wrk script, for anything but a plain GET.
        store: The process of the Redis that it uses; its share is told apart.
        prepare: Called before each round.
    """

    name: str
    url: str
    pid: int
    script: Path | None = None
    store: int | None = None
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round showed: requests a second, processor ms a request, median and p99 latency in ms.

    ``cpu`` is the server's, ``store`` that of the Redis that it uses (0 where it was not asked for).
    """

    rate: float
    cpu: float
    store: float
    p50: float
    p99: float
    wrong: int


def take_turns(
    targets: Sequence[Target],
    rounds: int,
    seconds: int,
    say: Callable[[str], None],
    connections: int = 16,
) -> dict[str, Round]:
    """Measure all targets in turn, several times; answers the medians."""
    found: dict[str, list[Round]] = {target.name: [] for target in targets}
    for target in targets:
        _wrk(target, 2, connections)  # the first requests import what is imported late
    for number in range(rounds):
        for target in targets:
            one = measure(target, seconds, connections)
            say(f"round {number + 1}/{rounds}  {target.name:24} {one.rate:7.0f}/s  {one.cpu:.3f} ms CPU")
            found[target.name].append(one)
    return {name: _median(taken) for name, taken in found.items()}


def measure(target: Target, seconds: int, connections: int) -> Round:
    """One round.

    Raises:
        RuntimeError: wrk failed, or no answer was the right one.
    """
    target.prepare()
    pids = [target.pid] if target.store is None else [target.pid, target.store]
    before = [cpu_seconds(pid) for pid in pids]
    done = _wrk(target, seconds, connections)
    spent, *stored = (cpu_seconds(pid) - began for pid, began in zip(pids, before, strict=True))
    requests = re.search(r"(\d+) requests in ([\d.]+)(s|m)", done.stdout)
    if done.returncode or requests is None or int(requests[1]) == 0:
        raise RuntimeError(f"{target.name}: {done.stdout}{done.stderr}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    count, taken = int(requests[1]), float(requests[2]) * (60 if requests[3] == "m" else 1)
    return Round(
        rate=count / taken,
        cpu=spent * 1000 / count,
        store=sum(stored) * 1000 / count,
        p50=_latency(done.stdout, "50%"),
        p99=_latency(done.stdout, "99%"),
        wrong=int(wrong[1]) if wrong else 0,
    )


def _wrk(target: Target, seconds: int, connections: int) -> subprocess.CompletedProcess[str]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(target.script)] if target.script else []
    return subprocess.run([*command, target.url], capture_output=True, text=True, check=False)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and all below it have used so far."""
    return sum(_own_cpu(each) for each in family(pid))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def resident_bytes(pid: int) -> int:
    """Memory that belongs to a process and all below it, what they share counted in parts (PSS)."""
    return sum(map(own_bytes, family(pid)))


def own_bytes(pid: int) -> int:
    """Memory that belongs to one process, what it shares counted in parts (PSS)."""
    line = next(line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if "Pss:" in line)
    return int(line.split()[1]) * 1024


def _own_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _latency(text: str, share: str) -> float:
    match = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)", text)
    return float(match[1]) * _UNITS[match[2]] if match else float("nan")


def _median(rounds: Sequence[Round]) -> Round:
    return Round(
        rate=statistics.median(one.rate for one in rounds),
        cpu=statistics.median(one.cpu for one in rounds),
        store=statistics.median(one.store for one in rounds),
        p50=statistics.median(one.p50 for one in rounds),
        p99=statistics.median(one.p99 for one in rounds),
        wrong=sum(one.wrong for one in rounds),
    )
