"""A worker that ends every job soon, for clients that wait for the result."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from jobs.errors import JobGone, JobNotFound
from jobs.record import keys
from tests.support.fake_worker import FakeWorker
from web.services import Services


@pytest.fixture
def working(services: Services, fake_worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that makes a picture for each job."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            for job_id in services.connection.redis.zrangebyscore(keys.QUEUED, "-inf", "+inf"):
                with suppress(JobGone, JobNotFound, AssertionError):
                    fake_worker.succeed(fake_worker.claim(services.store.get(job_id.decode()).job))

    thread = threading.Thread(target=work)
    thread.start()
    yield fake_worker
    over.set()
    thread.join()
