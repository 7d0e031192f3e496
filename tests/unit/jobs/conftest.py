"""Stores for the tests of the record: fakeredis, and a real server."""

from __future__ import annotations

from collections.abc import Iterator

import fakeredis
import pytest
import redis

from jobs.record.store import JobStore
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.webhooks.notices import notices
from tests.support.connections import RiggedConnection


@pytest.fixture(params=["fakeredis", pytest.param("real", marks=pytest.mark.real)])
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty database on each kind of server."""
    if request.param == "fakeredis":
        yield fakeredis.FakeRedis()
        return
    url: str = request.getfixturevalue("redis_server")
    connection = redis.Redis.from_url(url)
    connection.flushdb()
    yield connection
    connection.close()


@pytest.fixture
def connection(client: redis.Redis) -> RiggedConnection:
    """A connection to an empty database."""
    return RiggedConnection(client)


@pytest.fixture
def store(connection: RiggedConnection) -> JobStore:
    """A store on an empty database."""
    return JobStore(connection, notices=notices)


@pytest.fixture
def provider_states(connection: RiggedConnection) -> ProviderStates:
    """The states of providers in the same database."""
    return ProviderStates(connection)


@pytest.fixture
def measured(connection: RiggedConnection) -> HealthStore:
    """The health of providers in the same database."""
    return HealthStore(connection)
