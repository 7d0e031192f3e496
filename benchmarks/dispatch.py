"""How long the choice of the next jobs takes, however many wait."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.report import Finding
from jobs import events
from jobs.ids import new_id
from jobs.model import Job
from jobs.record.commit import Step
from jobs.scheduling.health_store import HealthStore
from tests.support.processes import Stack
from tests.support.records import Records

TITLE = "Choosing the next jobs"
HOW = (
    "One dispatch that sends 10 jobs, while this many jobs wait in the queue: the median of 50 calls, and the slowest."
    " By the server's own log of slow commands; while a call runs, the server answers no other client."
)
SIZES = (10, 1_000, 100_000)
MOST = 1_000_000
CALLS = 50
_TOGETHER = 500

#: The fields of the job with this number, by what is remarkable about the queue.
SHAPES: dict[str, Callable[[int], dict[str, Any]]] = {
    "of one key": lambda _: {},
    "of a key each": lambda number: {"owner": f"key_{number}", "user": f"key_{number}"},
    "of one key, an end user each": lambda number: {"user": f"local/{number}"},
    "of one key, a token each": lambda number: {"account": f"account-{number}"},
    "parked": lambda _: {"not_before": time.time() + 86_400},
    "on a provider that rests, a key each": lambda number: {
        "owner": f"key_{number}", "user": f"key_{number}", "route": ("asleep",),
    },
}  # fmt: skip


def run(stack: Stack, rounds: int, seconds: int, say: Callable[[str], None]) -> list[Finding]:
    """Measure."""
    return [
        *(_measured(stack, name, size, say) for name in SHAPES for size in SIZES),
        _measured(stack, "of one key, a token each", MOST, say),
    ]


def _measured(stack: Stack, name: str, size: int, say: Callable[[str], None]) -> Finding:
    stack.client.flushall()
    record = Records(stack.connection)
    HealthStore(stack.connection).rest("asleep", record.store.now() + 86_400, "quota")
    _fill(record, size, SHAPES[name])
    # Some that can run, behind all others.
    _fill(record, CALLS * 10, lambda _: {"owner": "last", "user": "last"})
    record.leases.beat("w1", CALLS * 10, 600, [])
    client = stack.client
    # Above what a command inside a script takes, below what a script takes.
    client.config_set("slowlog-log-slower-than", 50)
    client.config_set("slowlog-max-len", 20 * CALLS)
    client.slowlog_reset()
    for _ in range(CALLS):
        record.queue.choose(10)
    log = client.slowlog_get(20 * CALLS)
    took = [entry["duration"] / 1000 for entry in log if entry["command"].startswith(b"EVALSHA")]
    say(f"{size:,} {name}: {statistics.median(took):.2f} ms, most {max(took):.2f} ms")
    return Finding(
        what=f"{size:,} jobs {name}",
        darkroom=f"{statistics.median(took):.2f} ms, most {max(took):.2f} ms",
        against="",
        compared="",
        goal="10 ms",
    )


def _fill(record: Records, size: int, fields: Callable[[int], dict[str, Any]]) -> None:
    """Let jobs wait, without a call for each."""
    connection = record.connection
    defaults = {"owner": "local", "user": "local", "model": "echo", "route": ("echo",), "given": {}, "input": {}}
    for first in range(0, size, _TOGETHER):
        pipe = connection.client.pipeline(transaction=False)
        for number in range(first, min(size, first + _TOGETHER)):
            job = Job(id=new_id("job"), created_at=record.store.now(), **{**defaults, **fields(number)})
            step = Step(job=job, event=events.Submitted(at=job.created_at))
            connection.queue(pipe, "commit", "", *step.arguments(), keys=step.keys)
        pipe.execute()
