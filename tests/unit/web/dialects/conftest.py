"""A worker that ends every job soon, for clients that wait for the result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from jobs import events
from jobs.errors import JobGone, JobNotFound
from jobs.model import Output
from jobs.record import keys
from jobs.record.types import Lease
from tests.support.fake_worker import FakeWorker
from web.services import Services


@contextmanager
def at_work(services: Services, fake_worker: FakeWorker, run: Callable[[Lease], object]) -> Iterator[None]:
    """Each job that is queued is run so."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            for job_id in services.connection.redis.zrangebyscore(keys.QUEUED, "-inf", "+inf"):
                with suppress(JobGone, JobNotFound, AssertionError):
                    run(fake_worker.claim(services.store.get(job_id.decode()).job))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def working(services: Services, fake_worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that makes a picture for each job."""
    with at_work(services, fake_worker, fake_worker.succeed):
        yield fake_worker


@dataclass
class Writer:
    """What an app writes: the states of its text, each as (characters of the last one that stay, what follows); the end."""

    states: list[tuple[int, str]]
    text: str


@pytest.fixture
def writing(services: Services, fake_worker: FakeWorker) -> Iterator[Writer]:
    """A worker that writes a text for each job."""
    writer = Writer([(0, "It is a"), (7, " red sq"), (14, "uare")], "It is a red square.")

    def run(lease: Lease) -> None:
        for kept, text in writer.states:
            fake_worker.write(lease, events.Wrote, kept=kept, text=text)
        output = Output(index=0, kind="text", text=writer.text)
        fake_worker.write(lease, events.Succeeded, outputs=(output,))

    with at_work(services, fake_worker, run):
        yield writer
