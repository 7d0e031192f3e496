"""Jobs for tests that care for some of their fields only."""

from __future__ import annotations

from typing import Any

from jobs.ids import new_id
from jobs.model import Job
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.record.types import Lease


def make_job(**fields: Any) -> Job:
    """A new job with these fields."""
    owner = fields.get("owner", "local")
    defaults: dict[str, Any] = {
        "id": new_id("job"), "owner": owner, "user": owner, "model": "echo", "route": ("echo",), "given": {}, "input": {},
        "created_at": 1000.0,
    }  # fmt: skip
    return Job(**{**defaults, **fields})


def add_job(store: JobStore, **fields: Any) -> Job:
    """A new job in the record."""
    return store.accept(make_job(**{"created_at": store.now(), **fields})).record.job


def start_job(store: JobStore, leases: Leases, queue: JobQueue, **fields: Any) -> Lease:
    """A new job that the worker ``w1`` runs."""
    job = add_job(store, **fields)
    leases.beat("w1", 4, 60, [])
    assert job.id in queue.choose()
    lease = leases.claim(job.id, "w1", 60, lambda job, _: job.input)
    assert lease is not None
    return lease
