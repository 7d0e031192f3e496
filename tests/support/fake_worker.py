"""Runs jobs step by step as a worker would, for tests of what others see of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Protocol

from jobs import events
from jobs.files import ArtifactStore
from jobs.model import Job, Output
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.record.types import Lease
from jobs.submissions import Submission, Submissions
from jobs.webhooks.notices import notices
from providers.echo.painting import paint
from web.services import Services


def name_database(services: Services) -> str:
    """Give an empty database its id, as the scheduler does, and let the web face know it."""
    DatabaseIdentity(services.connection.client, services.settings.identity_file, initialise=True).check()
    return services.identity.check()


class ServiceParts(Protocol):
    """What takes submissions; web services and :class:`tests.support.processes.Stack` do."""

    @property
    def connection(self) -> Connection: ...
    @property
    def store(self) -> JobStore: ...
    @property
    def queue(self) -> JobQueue: ...
    @property
    def submissions(self) -> Submissions: ...
    @property
    def artifacts(self) -> ArtifactStore: ...


class FakeWorker:
    """Runs jobs step by step, as a test says.

    Args:
        service: Where the jobs are.
    """

    def __init__(self, service: ServiceParts) -> None:
        self.store = service.store
        self.queue = service.queue
        self.leases = Leases(service.connection, notices=notices)
        self._submissions = service.submissions
        self._artifacts = service.artifacts

    def submit(self, owner: str = "local", **changes: Any) -> Job:
        """Submit a job of an owner; ``changes`` are fields of its submission."""
        submission = Submission(
            owner=owner,
            model="echo",
            given={"prompt": "a lighthouse"},
            inputs={"echo": {"prompt": "a lighthouse", "seed": 7, "width": 512, "height": 512}},
        )
        return self._submissions.accept(replace(submission, **changes)).record.job

    def claim(self, job: Job) -> Lease:
        """Start a job that is queued."""
        self.leases.beat("w1", 1000, 60, [])
        self.queue.choose()
        lease = self.leases.claim(job.id, "w1", 60, lambda job, _: job.input)
        assert lease is not None
        return lease

    def write(self, lease: Lease, kind: type[Any], **fields: Any) -> None:
        """Write an event of this kind, at this moment."""
        at = self.store.now()
        self.store.change(lease.job.id, lambda _: kind(at=at, **fields), fence=lease.fence)

    def preview(self, lease: Lease, index: int) -> bytes:
        """Save a preview, and give its bytes."""
        picture = paint("a lighthouse", 1, 64, 64, finished=0.5)
        self.leases.save_preview(lease.job.id, lease.fence, index, picture)
        self.write(lease, events.Previewed, index=index)
        return picture

    def succeed(self, lease: Lease) -> bytes:
        """End the job with one image, and give its bytes."""
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
