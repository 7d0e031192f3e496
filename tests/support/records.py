"""The record and what is built on it, around one connection, with one set of limits."""

from __future__ import annotations

from pathlib import Path

from jobs.batches import BatchService
from jobs.dispatcher import Dispatcher
from jobs.files import LocalArtifacts
from jobs.limits import UNLIMITED, Limits
from jobs.queue import Publisher
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.record.views import JobViews
from jobs.service import JobService
from jobs.submissions import Submissions
from jobs.vault import Vault
from jobs.webhooks.notices import notices


class FakePublisher:
    """A publisher that remembers the jobs it published."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def publish(self, job_id: str) -> None:
        """See :class:`jobs.queue.Publisher`."""
        self.jobs.append(job_id)


class Records:
    """The store, the leases and the queue, and the services of clients on top of them.

    Args:
        connection: To Redis.
        folder: Where files go; None where a test stores none.
        limits: For every API key that does not have its own.
        publisher: Wakes workers.
        vault: Encrypts credentials.
    """

    def __init__(
        self,
        connection: Connection,
        folder: Path | None = None,
        *,
        limits: Limits = UNLIMITED,
        publisher: Publisher | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.connection = connection
        self.store = JobStore(connection, limits=limits, notices=notices)
        self.leases = Leases(connection, notices=notices)
        self.queue = JobQueue(connection, limits=limits)
        self.views = JobViews(connection, self.store, limits=limits)
        self.artifacts = LocalArtifacts(folder or Path("/nonexistent"))
        self.dispatcher = Dispatcher(self.queue, publisher or FakePublisher())
        self.submissions = Submissions(self.store, self.dispatcher, self.artifacts, vault or Vault(b"k" * 32))
        self.jobs = JobService(self.store, self.dispatcher, self.artifacts)
        self.batches = BatchService(self.store, self.submissions, self.dispatcher, self.jobs)
