"""The record and what is built on it, around one connection, with one set of limits."""

from __future__ import annotations

import json
from pathlib import Path

from jobs.batches import BatchService
from jobs.dispatcher import Dispatcher
from jobs.files import LocalArtifacts
from jobs.limits import UNLIMITED, Limits
from jobs.record.connection import Connection
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.messages import QUEUE
from jobs.record.store import JobStore
from jobs.record.views import JobViews
from jobs.service import JobService
from jobs.submissions import Submissions
from jobs.vault import Vault
from jobs.webhooks.notices import notices


def take_messages(connection: Connection) -> list[str]:
    """The jobs whose messages wait at the broker, in order. They are taken off its list, as workers do it."""
    waiting = connection.redis.lrange(QUEUE, 0, -1)
    connection.redis.delete(QUEUE)
    return [json.loads(message)["headers"]["id"] for message in reversed(waiting)]


class Records:
    """The store, the leases and the queue, and the services of clients on top of them.

    Args:
        connection: To Redis.
        folder: Where files go; None where a test stores none.
        limits: For every API key that does not have its own.
        vault: Encrypts credentials.
    """

    def __init__(
        self,
        connection: Connection,
        folder: Path | None = None,
        *,
        limits: Limits = UNLIMITED,
        vault: Vault | None = None,
    ) -> None:
        self.connection = connection
        self.store = JobStore(connection, limits=limits, notices=notices)
        self.leases = Leases(connection, notices=notices)
        self.queue = JobQueue(connection, limits=limits)
        self.views = JobViews(connection, self.store, limits=limits)
        self.artifacts = LocalArtifacts(folder or Path("/nonexistent"))
        self.dispatcher = Dispatcher(self.queue)
        self.submissions = Submissions(self.store, self.artifacts, vault or Vault(b"k" * 32))
        self.jobs = JobService(self.store, self.dispatcher, self.artifacts)
        self.batches = BatchService(self.store, self.submissions, self.dispatcher, self.jobs)
