"""What gets slower with the number of jobs: polls, submits, lists, the choice of the next job, a round of repair."""

from __future__ import annotations

import json
import random
import statistics
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from benchmarks.report import Finding
from jobs import events
from jobs.events import first_event
from jobs.ids import new_id
from jobs.model import Job, Output, Recipe
from jobs.record import keys
from jobs.record.commit import Step
from jobs.record.leases import Leases
from jobs.states import apply
from tests.support.processes import Stack

TITLE = "Growth"
HOW = (
    "Finished jobs as the first column says, and up to 100,000 waiting ones, by the real scripts: one owner, 1,000 end users, three"
    " fields of metadata, a picture and a recipe each. One client asks one thing after the other; medians of 40, in ms over"
    " HTTP. Compared: the largest size against the smallest, a decade (1.00: the same)."
)
#: Powers of ten; ``./run bench growth --largest 6`` measures a million, which takes half an hour.
SMALLEST: Final = 2
LARGEST: Final = 4
_MOST_QUEUED: Final = 100_000
_TOGETHER: Final = 400
_CALLS: Final = 40

_SUBMIT: Final = json.dumps({"model": "echo", "input": {"prompt": "a lighthouse"}}).encode()


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None], largest: int = LARGEST) -> list[Finding]:
    """Measure."""
    stack.web()
    finished: list[str] = []
    queued: list[str] = []
    rows: dict[str, list[float]] = {}
    sizes = [10**power for power in range(SMALLEST, largest + 1)]
    for size in sizes:
        began, used, there = time.monotonic(), _memory(stack), len(finished)
        _fill(stack, size - there, finished, ends=True)
        each = (_memory(stack) - used) / (size - there)
        _fill(stack, min(size, _MOST_QUEUED) - len(queued), queued, ends=False)
        say(f"{size:,} jobs filled in {time.monotonic() - began:.0f} s")
        for name, ask in _questions(stack, finished, queued).items():
            rows.setdefault(name, []).append(_median(ask))
        rows.setdefault("Redis memory, KB a finished job", []).append(each / 1024)
    decades = len(sizes) - 1
    return [
        Finding(
            what=name,
            darkroom=", ".join(f"{value:.2f}" for value in values),
            against=f"{sizes[0]:,} to {sizes[-1]:,} jobs",
            compared=f"{(values[-1] / values[0]) ** (1 / decades):.2f} a decade",
            goal="1.05",
            numbers={f"at_{size}": value for size, value in zip(sizes, values, strict=True)},
        )
        for name, values in rows.items()
    ]


def _questions(stack: Stack, finished: list[str], queued: list[str]) -> dict[str, Callable[[], object]]:
    def get(path: str) -> None:
        urllib.request.urlopen(f"{stack.url}{path}", timeout=30).read()

    def submit() -> None:
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{stack.url}/v1/jobs", _SUBMIT, headers), timeout=30).read()

    leases = Leases(stack.connection)

    def choose() -> None:
        # Just one slot is free.
        with stack.client.pipeline(transaction=False) as pipe:
            pipe.zcard(keys.RUNNING)
            pipe.zcard(keys.SENT)
            taken = sum(pipe.execute())
        leases.beat("bench", taken + 1, 3600, [])
        stack.queue.choose(1)

    return {
        "poll, finished": lambda: get(f"/v1/jobs/{random.choice(finished)}"),
        "poll, queued": lambda: get(f"/v1/jobs/{random.choice(queued)}"),
        "submit": submit,
        "list, first 20": lambda: get("/v1/jobs"),
        "dispatch of one job, without HTTP": choose,
        "usage": lambda: get("/v1/usage"),
    }


def _median(ask: Callable[[], object]) -> float:
    ask()
    took = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _memory(stack: Stack) -> float:
    return float(stack.client.info("memory")["used_memory_dataset"])


def _fill(stack: Stack, count: int, ids: list[str], *, ends: bool) -> None:
    for first in range(0, count, _TOGETHER):
        now = stack.store.now()
        jobs = [_job(len(ids) + number, now) for number in range(min(_TOGETHER, count - first))]
        _commit(stack, [Step(job=job, event=first_event(job)) for job in jobs])
        if ends:
            _end(stack, jobs, now)
        ids += [job.id for job in jobs]


def _job(number: int, now: float) -> Job:
    given: dict[str, Any] = {"prompt": f"a lighthouse number {number} in the fog, oil on canvas"}
    user = f"user-{number % 1000}"
    metadata = {"user": user, "project": f"p{number % 500}", "order": f"order-{number}"}
    return Job(
        id=new_id("job"), owner="local", user=f"local/{user}", model="echo", route=("echo",), given=given, input=given,
        created_at=now, metadata=metadata,
    )  # fmt: skip


def _end(stack: Stack, jobs: list[Job], now: float) -> None:
    """Let jobs run and succeed, without a worker."""
    with stack.client.pipeline(transaction=False) as pipe:
        pipe.zadd(keys.SENT, {job.id: now * 1000 for job in jobs})
        for job in jobs:
            pipe.hset(keys.job(job.id), "provider", "echo")
        pipe.execute()
    begun = [events.Started(at=now, provider="echo", worker="bench", input=job.input) for job in jobs]
    running = [apply(job, event) for job, event in zip(jobs, begun, strict=True)]
    steps = zip(running, begun, strict=True)
    _commit(stack, [Step(job=job, event=event, version=1, lease_seconds=60) for job, event in steps])
    made = Output(
        index=0, kind="image", content_type="image/png", width=512, height=512, bytes=23456, sha256="ab" * 32, seed=7
    )
    last = []
    for job in running:
        recipe = Recipe(model="echo", version="1", job_id=job.id, at=now, fixed={"seed": 7})
        event = events.Succeeded(at=now, outputs=(made,), recipe=recipe)
        last.append(Step(job=apply(job, event), event=event, version=2, fence=1))
    _commit(stack, last)


def _commit(stack: Stack, steps: list[Step]) -> None:
    pipe = stack.client.pipeline(transaction=False)
    for step in steps:
        stack.connection.queue(pipe, "commit", "", *step.arguments(), keys=step.keys)
    answers = pipe.execute()
    assert answers[-1][0] == b"ok", answers[-1]
