"""Twenty jobs a second for an hour: nothing grows. Writes docs/reference/steady-load.md."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.meter import family, resident_bytes
from tests.support.api_client import ApiClient
from tests.support.processes import ROOT, Process, Stack

MINUTES: Final = int(os.environ.get("DARKROOM_SOAK_MINUTES", "60"))
PARTS: Final = 6
PACE: Final = 20
#: Jobs are deleted so soon after their end that each part has as many as the one before.
KEPT_SECONDS: Final = 30
#: How much more than in the middle is noise: an allocator's, a pool's.
GROWTH: Final = 1.15

pytestmark = [pytest.mark.soak, pytest.mark.acceptance, pytest.mark.real, pytest.mark.timeout(MINUTES * 60 + 600)]

_PAGE = """# A steady load: the results of a long run

Made by `./run soak tests/acceptance/test_steady_load.py`; do not edit. `DARKROOM_SOAK_MINUTES` makes it shorter.

{pace} jobs a second ({reached:.1f} reached) with an image and a preview each, on one worker, for {minutes} minutes; each is
polled once and kept for {kept} s. At the end of each part, {seconds} s after its last job:

| minute | worker MB | scheduler MB | web MB | Redis MB | threads | descriptors | keys | files | jobs ended |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}
"""


@dataclass(frozen=True)
class Sample:
    """What the service holds at one moment: megabytes of each part, and counts."""

    minute: int
    worker: int
    scheduler: int
    web: int
    redis: int
    threads: int
    descriptors: int
    keys: int
    files: int
    ended: int


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "stack", environ={"DARKROOM_WORKER_CONCURRENCY": "64"}) as running:
        running.whole()
        yield running


def count(process: Process, what: str) -> int:
    """Threads (``task``) or descriptors (``fd``) of a process and its children."""
    return sum(len(list(Path(f"/proc/{pid}/{what}").iterdir())) for pid in family(process.popen.pid))


def sample(stack: Stack, minute: int, ended: int) -> Sample:
    parts = {process.log.stem: process for process in stack.processes}
    megabytes = {name: resident_bytes(process.popen.pid) >> 20 for name, process in parts.items()}
    info: dict[str, Any] = stack.client.info("memory")
    return Sample(
        minute=minute,
        worker=megabytes["worker"],
        scheduler=megabytes["scheduler"],
        web=megabytes["web"],
        redis=info["used_memory"] >> 20,
        threads=sum(count(process, "task") for process in parts.values()),
        descriptors=sum(count(process, "fd") for process in parts.values()),
        keys=int(stack.client.dbsize()),
        files=sum(1 for path in (stack.folder / "data").rglob("*") if path.is_file()),
        ended=ended,
    )


def play(stack: Stack, client: ApiClient, seconds: float) -> int:
    """Submit at a steady pace; answers how many jobs ended well."""
    began, ids = time.monotonic(), list[str]()
    while time.monotonic() - began < seconds:
        script = ["progress 2 200ms", "preview", "image"]
        given = {"prompt": str(len(ids)), "script": script, "width": 64, "height": 64}
        ids.append(client.submit("echo", input=given, retention_seconds=KEPT_SECONDS)["id"])
        if len(ids) > PACE:
            client.http.get(f"{client.url}/v1/jobs/{ids[-PACE]}")
        time.sleep(max(0.0, began + len(ids) / PACE - time.monotonic()))
    done = stack.wait_for_status(ids[-PACE:], seconds=60)
    assert {job.status for job in done} == {"succeeded"}
    return len(ids)


def test_nothing_grows(stack: Stack) -> None:
    client, samples, ended = ApiClient(stack.url), list[Sample](), 0
    for part in range(1, PARTS + 1):
        ended += play(stack, client, MINUTES * 60 / PARTS - KEPT_SECONDS - 15)
        # What is over goes, so that what stays is seen.
        time.sleep(KEPT_SECONDS + 15)
        samples.append(sample(stack, MINUTES * part // PARTS, ended))
        print(samples[-1])
    rows = "\n".join("| " + " | ".join(map(str, astuple(found))) + " |" for found in samples)
    pause = KEPT_SECONDS + 15
    page = _PAGE.format(
        pace=PACE,
        reached=ended / (MINUTES * 60 - PARTS * pause),
        minutes=MINUTES,
        kept=KEPT_SECONDS,
        seconds=pause,
        rows=rows,
    )
    (ROOT / "docs" / "reference" / "steady-load.md").write_text(page, encoding="utf-8")
    assert all(process.alive for process in stack.processes)
    # Requests are remembered for 15 minutes, in case they are sent again: by the middle as many come as go.
    middle, last = samples[PARTS // 2 - 1], samples[-1]
    for name in ("worker", "scheduler", "web", "redis", "threads", "descriptors", "keys", "files"):
        assert getattr(last, name) <= getattr(middle, name) * GROWTH + 4, f"{name} grew: {samples}"
