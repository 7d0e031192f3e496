"""Two hundred jobs at once on one worker, against clients that do nothing but call the same app."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.meter import cpu_seconds, resident_bytes
from benchmarks.report import Finding
from providers.catalog import Catalog
from tests.spaces import environments
from tests.spaces.launcher import Spaces
from tests.support.eventually import eventually
from tests.support.processes import ROOT, Process, Stack

TITLE = "Jobs at once on one worker"
HOW = (
    "200 jobs of 4 seconds each on one worker, with a real Gradio 6 app on the same machine whose function only waits."
    " Against them, in turns and on the same app, clients that only call it: requests and sseclient with a thread each, and"
    " gradio_client. The first wave of each is not counted. Memory is what the worker's process grows by, at its most,"
    " divided by the jobs. Another event: jobs with 40 lines of log against the same with none."
)
JOBS = 200
SECONDS = 4.0
_LINES = 40


@dataclass(frozen=True, slots=True)
class Wave:
    """What one wave took: wall and processor seconds, bytes that the process and Redis grew by."""

    wall: float
    cpu: float
    memory: float = 0.0
    kept: float = 0.0


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        spaces = Spaces(Path(folder))
        try:
            return _run(stack, spaces.get("6", SPACE_MAX_THREADS="400").url, rounds, say)
        finally:
            spaces.close()


def _run(stack: Stack, url: str, rounds: int, say: Callable[[str], None]) -> list[Finding]:
    config = stack.folder / "providers.toml"
    config.write_text(
        f'[providers.together]\ndriver = "space"\nurl = "{url}"\napi_name = "/together"\nmodels = ["together"]\n'
        'kind = "text"\nparameters = { prompt = { default = "", argument = "text" }, seconds = 4.0 }\n'
    )
    stack.environ |= {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": "256"}
    stack.catalog = Catalog.load(config)
    stack.scheduler()
    worker = stack.worker()
    waves: dict[str, list[Wave]] = {}
    for number in range(max(2, rounds + 1)):
        taken = {"darkroom": _wave(stack, worker), "requests": _client("requests", sys.executable, url)}
        if number:
            for name, wave in taken.items():
                say(f"{JOBS} jobs by {name} in {wave.wall:.1f} s, {wave.cpu * 1000 / JOBS:.1f} ms CPU each")
                waves.setdefault(name, []).append(wave)
    gradio = str(environments.interpreter("6"))
    own, bare = _median(waves["darkroom"]), _median(waves["requests"])
    wide, narrow = _client("gradio_client_wide", gradio, url), _client("gradio_client", gradio, url)
    say(f"gradio_client: {wide.wall:.1f} s with {JOBS} threads, {narrow.wall:.1f} s as it comes")
    event = _event(stack, worker)
    return [
        _compared("a bare client of requests and sseclient", own, bare, "1.10"),
        _compared(f"gradio_client with {JOBS} threads", own, wide),
        _compared("gradio_client as it comes", own, narrow),
        _alone("wall time against the 4 s that each job takes", f"{own.wall / SECONDS:.2f}", own.wall / SECONDS),
        _alone("memory a job in flight", f"{own.memory / JOBS / 1024:.0f} KB", own.memory / JOBS / 1024, "100 KB"),
        _alone("processor time of the worker a job", f"{own.cpu * 1000 / JOBS:.1f} ms", own.cpu * 1000 / JOBS, "8 ms"),
        _alone("processor time of the worker an event", f"{event:.2f} ms", event, "0.35 ms"),
        _alone("Redis memory a finished job", f"{own.kept / JOBS / 1024:.1f} KB", own.kept / JOBS / 1024, "4 KB"),
    ]


def _wave(stack: Stack, worker: Process) -> Wave:
    pid = worker.popen.pid
    memory, spent, kept = resident_bytes(pid), cpu_seconds(pid), _redis_bytes(stack)
    most, stop = [memory], threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            most.append(resident_bytes(pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.monotonic()
    ids = [
        stack.submit(model="together", input={"prompt": f"job {number}", "seconds": SECONDS}) for number in range(JOBS)
    ]
    _wait(stack, ids)
    wall = time.monotonic() - began
    stop.set()
    watcher.join()
    return Wave(wall, cpu_seconds(pid) - spent, max(most) - memory, _redis_bytes(stack) - kept)


def _wait(stack: Stack, ids: list[str]) -> None:
    """Until all have succeeded. One after the other: reading all of them again and again would be a load of its own."""
    for job_id in ids:
        eventually(lambda job_id=job_id: stack.job(job_id).status.is_terminal, f"{job_id} has ended", within=120)  # type: ignore[misc]
    stack.wait_for_status(ids, "succeeded", seconds=1)


def _client(kind: str, python: str, url: str) -> Wave:
    argv = (python, str(ROOT / "benchmarks" / "rivals" / "bare.py"), kind, url, str(JOBS), str(SECONDS))
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(answer.stdout)
    if found["done"] != JOBS:
        raise RuntimeError(f"{kind}: {found['done']} of {JOBS} jobs are done\n{answer.stderr}")
    return Wave(found["wall"], found["cpu"])


def _event(stack: Stack, worker: Process) -> float:
    """Milliseconds of the worker for one more event of a job."""
    spent = {}
    for lines in (0, 0, _LINES):
        before = cpu_seconds(worker.popen.pid)
        script = ("log a line",) * lines
        ids = [stack.submit(*script, "text done", model="echo") for _ in range(JOBS)]
        stack.wait_for_status(ids, "succeeded", seconds=120)
        spent[lines] = cpu_seconds(worker.popen.pid) - before
    return (spent[_LINES] - spent[0]) * 1000 / (JOBS * _LINES)


def _compared(what: str, own: Wave, other: Wave, goal: str = "") -> Finding:
    return Finding(
        what=f"{JOBS} jobs of {SECONDS:g} s, against {what}",
        darkroom=f"{own.wall:.1f} s, {own.cpu * 1000 / JOBS:.1f} ms CPU a job",
        against=f"{other.wall:.1f} s, {other.cpu * 1000 / JOBS:.1f} ms CPU a job",
        compared=f"{own.wall / other.wall:.2f} of its time",
        goal=goal,
        numbers={"wall_s": own.wall, "other_wall_s": other.wall, "ratio": own.wall / other.wall},
    )


def _alone(what: str, said: str, number: float, goal: str = "") -> Finding:
    return Finding(what=what, darkroom=said, against="", compared="", goal=goal, numbers={"value": number})


def _median(waves: list[Wave]) -> Wave:
    return Wave(
        *(statistics.median(values) for values in zip(*((w.wall, w.cpu, w.memory, w.kept) for w in waves), strict=True))
    )


def _redis_bytes(stack: Stack) -> float:
    return float(stack.client.info("memory")["used_memory_dataset"])
