"""Stores for the tests of the record: fakeredis, and a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fakeredis
import pytest
import redis

from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.submissions import Submissions
from tests.support.connections import RiggedConnection
from tests.support.records import Records


@pytest.fixture(
    params=[
        pytest.param("fakeredis", marks=pytest.mark.soak),
        pytest.param("redis_server", marks=pytest.mark.real),
        pytest.param("packaged_redis", marks=[pytest.mark.real, pytest.mark.soak]),
    ]
)
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty database on each kind of server: Valkey, and in the long tests the system's Redis and a simulated one.

    The simulated one takes three times as long. The tests of the web and the worker, which run on it, show in each run that
    the scripts work there.
    """
    if request.param == "fakeredis":
        yield fakeredis.FakeRedis()
        return
    url: str = request.getfixturevalue(request.param)
    connection = redis.Redis.from_url(url)
    connection.flushdb()
    yield connection
    connection.close()


@pytest.fixture
def connection(client: redis.Redis) -> RiggedConnection:
    """A connection to an empty database."""
    return RiggedConnection(client)


@pytest.fixture
def record(connection: RiggedConnection, tmp_path: Path) -> Records:
    """The record and its services, on an empty database."""
    return Records(connection, tmp_path / "artifacts")


@pytest.fixture
def store(record: Records) -> JobStore:
    """The store of the record."""
    return record.store


@pytest.fixture
def leases(record: Records) -> Leases:
    """The leases of the record."""
    return record.leases


@pytest.fixture
def queue(record: Records) -> JobQueue:
    """The queue of the record."""
    return record.queue


@pytest.fixture
def submissions(record: Records) -> Submissions:
    """Accepts jobs into the record."""
    return record.submissions


@pytest.fixture
def provider_states(connection: RiggedConnection) -> ProviderStates:
    """The states of providers in the same database."""
    return ProviderStates(connection)


@pytest.fixture
def measured(connection: RiggedConnection) -> HealthStore:
    """The health of providers in the same database."""
    return HealthStore(connection)
