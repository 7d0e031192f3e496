"""Two hundred jobs at once on one worker, against gradio_client's own figure and the ideal."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.meter import cpu_seconds, resident_bytes
from benchmarks.report import Finding
from providers.catalog import Catalog
from tests.spaces.launcher import Spaces
from tests.support.processes import Process, Stack

TITLE = "Jobs at once on one worker"
HOW = (
    "200 jobs of 4 seconds each on one worker, with a real Gradio 6 app on the same machine whose function only waits. "
    "Memory is what the worker's process grows by, at its most, divided by the jobs; the second wave is measured."
)
JOBS = 200
SECONDS = 4.0


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        spaces = Spaces(Path(folder))
        try:
            return _run(stack, spaces.get("6", SPACE_MAX_THREADS="400").url, say)
        finally:
            spaces.close()


def _run(stack: Stack, url: str, say: Callable[[str], None]) -> list[Finding]:
    config = stack.folder / "providers.toml"
    config.write_text(
        f'[providers.together]\ndriver = "space"\nurl = "{url}"\napi_name = "/together"\nmodels = ["together"]\n'
        'kind = "text"\nparameters = { prompt = { default = "", argument = "text" }, seconds = 4.0 }\n'
    )
    stack.environ |= {"DARKROOM_CONFIG": str(config), "DARKROOM_WORKER_CONCURRENCY": "256"}
    stack.catalog = Catalog.load(config)
    stack.scheduler()
    worker = stack.worker()
    _wave(stack, worker, say)
    wall, grown, cpu, kept = _wave(stack, worker, say)
    return [
        Finding(
            what=f"wall time of {JOBS} jobs of {SECONDS:g} s",
            darkroom=f"{wall:.1f} s",
            against=f"{SECONDS:g} s",
            compared=f"{wall / SECONDS:.2f} of ideal",
            goal="1.15",
        ),
        Finding(what="memory a job in flight", darkroom=f"{grown / JOBS / 1024:.0f} KB", against="", compared="", goal="100 KB"),
        Finding(what="processor time of the worker a job", darkroom=f"{cpu * 1000 / JOBS:.1f} ms", against="", compared="", goal="10 ms"),
        Finding(what="Redis memory a finished job", darkroom=f"{kept / JOBS / 1024:.1f} KB", against="", compared="", goal="4 KB"),
    ]  # fmt: skip


def _wave(stack: Stack, worker: Process, say: Callable[[str], None]) -> tuple[float, float, float, float]:
    """Wall seconds, bytes that the worker grew by, its processor seconds, bytes that Redis grew by."""
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
    stack.wait_for_status(ids, "succeeded", seconds=120)
    wall = time.monotonic() - began
    stop.set()
    watcher.join()
    say(f"{JOBS} jobs in {wall:.1f} s")
    return wall, max(most) - memory, cpu_seconds(pid) - spent, _redis_bytes(stack) - kept


def _redis_bytes(stack: Stack) -> float:
    return float(stack.client.info("memory")["used_memory_dataset"])
