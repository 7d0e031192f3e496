"""Whatever happened before: a second later no job waits that could run, and nobody has more than is allowed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import redis

from tests.support.busy_service import Service


@pytest.fixture
def server(redis_server: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server)
    yield client
    client.close()


@pytest.mark.real
@pytest.mark.parametrize(
    "seed", [*range(12, 17), *(pytest.param(more, marks=pytest.mark.soak) for more in range(17, 26))]
)
def test_a_second_later_no_job_waits_that_could_run(server: redis.Redis, seed: int) -> None:
    server.flushdb()
    service = Service(server, random.Random(seed))
    for _ in range(40):
        for _ in range(5):
            service.move()
        service.connection.pass_ms(1000)
        service.record.queue.recheck()
        for _ in range(3):
            service.choose()
        assert service.waits_in_vain() == []
