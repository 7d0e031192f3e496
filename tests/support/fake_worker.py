"""Leads jobs through their lives as a worker would, one event at a time, for tests of what others see of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from jobs import events
from jobs.files import ArtifactStore
from jobs.model import Job, Output
from jobs.record.identity import DatabaseIdentity
from jobs.record.store import JobStore
from jobs.record.types import Lease
from jobs.service import JobService, Submission
from providers.echo.painting import paint
from web.services import Services


class FakePublisher:
    """A publisher that remembers whom it woke."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def publish(self, job_id: str) -> None:
        self.jobs.append(job_id)


def name_database(services: Services) -> str:
    """Give an empty database its id, as the scheduler does, and let the web face know it."""
    DatabaseIdentity(services.connection.client, services.settings.identity_file, founder=True).check()
    return services.identity.check()


class FakeWorker:
    """A worker's hand.

    Args:
        store: The records.
        jobs: Takes submissions.
        artifacts: Where outputs go.
    """

    def __init__(self, store: JobStore, jobs: JobService, artifacts: ArtifactStore) -> None:
        self.store = store
        self._jobs = jobs
        self._artifacts = artifacts

    def submit(self, owner: str = "local", **changes: Any) -> Job:
        return self._jobs.submit(
            replace(
                Submission(
                    owner=owner,
                    model="echo",
                    given={"prompt": "a lighthouse"},
                    inputs={"echo": {"prompt": "a lighthouse", "seed": 7, "width": 512, "height": 512}},
                ),
                **changes,
            )
        ).job

    def claim(self, job: Job) -> Lease:
        self.store.beat("w1", 1000, 60, [])
        self.store.dispatch()
        lease = self.store.claim(job.id, "w1", 60, lambda job, _: job.input)
        assert lease is not None
        return lease

    def write(self, lease: Lease, kind: type[Any], **fields: Any) -> None:
        at = self.store.now()
        self.store.change(lease.job.id, lambda _: kind(at=at, **fields), fence=lease.fence)

    def preview(self, lease: Lease, index: int) -> bytes:
        picture = paint("a lighthouse", 1, 64, 64, finished=0.5)
        self.store.save_preview(lease.job.id, lease.fence, index, picture)
        self.write(lease, events.Previewed, index=index)
        return picture

    def succeed(self, lease: Lease) -> bytes:
        picture = paint("a lighthouse", 1, 64, 64)
        digest = self._artifacts.put(lease.job.id, picture)
        assert digest == hashlib.sha256(picture).hexdigest()
        output = Output(
            index=0,
            kind="image",
            content_type="image/png",
            width=64,
            height=64,
            bytes=len(picture),
            sha256=digest,
            seed=7,
        )
        self.write(lease, events.Succeeded, outputs=(output,))
        return picture
