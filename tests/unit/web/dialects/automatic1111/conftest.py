"""A client as the web UI's programs are: with a model in their settings, and requests that go on while others are sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.record import keys
from tests.support.eventually import eventually
from web.services import Services

TXT2IMG = "/sdapi/v1/txt2img"
ECHO = {"sd_model_checkpoint": "echo"}


@dataclass
class Asker:
    """Asks for pictures; ``headers`` are those of all its requests."""

    client: FlaskClient
    services: Services
    headers: dict[str, str] = field(default_factory=dict)
    path: str = TXT2IMG

    def __call__(self, **body: Any) -> Any:
        whole = {"prompt": "a lighthouse", "override_settings": ECHO, **body}
        return self.client.post(self.path, json=whole, headers=self.headers)

    def get(self, path: str, **query: str) -> Any:
        answer = self.client.get(path, query_string=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.client.post(path, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def in_background(self, **body: Any) -> Waiting:
        """Ask, and go on when the jobs are queued."""
        before = set(self.queued())
        waiting = Waiting(self, body)
        count = body.get("batch_size", 1) * body.get("n_iter", 1)
        eventually(lambda: len(set(self.queued()) - before) == count, "all its jobs are queued")
        waiting.jobs = [job_id for job_id in self.queued() if job_id not in before]
        eventually(lambda: all(self.is_known(job_id) for job_id in waiting.jobs), "they are known as its own")
        return waiting

    def is_known(self, job_id: str) -> bool:
        """Whether it is remembered as a job that was asked for here."""
        found = self.services.connection.redis
        owner = self.services.store.get(job_id).job.user
        return job_id.encode() in found.zrevrange(keys.followed(owner), 0, -1)

    def queued(self) -> list[str]:
        """The jobs in the queue, the oldest first."""
        found = self.services.connection.redis.zrangebyscore(keys.QUEUED, "-inf", "+inf")
        return [job_id.decode() for job_id in found]


class Waiting:
    """A client that waits for its pictures."""

    def __init__(self, asker: Asker, body: dict[str, Any]) -> None:
        self.jobs: list[str] = []
        self._answers: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(asker(**body)), daemon=True)
        self._thread.start()

    def answer(self) -> Any:
        """What it gets."""
        self._thread.join(timeout=30)
        return self._answers[0]


@pytest.fixture
def ask(client: FlaskClient, services: Services) -> Iterator[Asker]:
    asker = Asker(client, services)
    yield asker
    for job_id in asker.queued():
        services.jobs.cancel(job_id, None)
