"""Where Redis' memory runs short, the operator is told; where it is used up, nothing new is taken and all else works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fakeredis
import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.record.leases import Leases
from settings import Settings
from tests.support.fake_worker import name_database
from web.build import build

JOB = {"model": "echo", "input": {"prompt": "a lighthouse"}}


class Short(fakeredis.FakeRedis):
    """A server with a limit of memory; a test says how much it uses."""

    used = 0

    def info(self, section: str | None = None, *_: Any, **__: Any) -> Any:
        assert section == "memory"
        return {"used_memory": self.used, "maxmemory": 1000, "maxmemory_policy": "noeviction"}


@pytest.fixture
def server() -> Short:
    return Short()


@pytest.fixture
def client(web_settings: Settings, serve: Callable[[Any], Flask], server: Short) -> FlaskClient:
    services = build(web_settings, client=server)
    name_database(services)
    Leases(services.connection).beat("w1", 4, 60, [])
    return serve(services).test_client()


def test_readiness_and_metrics_say_it_before_it_is_full(client: FlaskClient, server: Short) -> None:
    assert client.get("/readyz").get_json()["checks"]["memory"] == "ok"
    server.used = 800
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["checks"]["memory"]) == (200, "80% of maxmemory is used")
    lines = client.get("/metrics").text.splitlines()
    assert {"darkroom_redis_memory_bytes 800.0", "darkroom_redis_memory_limit_bytes 1000.0"} <= set(lines)
    server.used = 900
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["checks"]["memory"]) == (503, "90% of maxmemory is used")


def test_nothing_new_is_taken_and_all_else_works(client: FlaskClient, server: Short) -> None:
    first, second = (client.post("/v1/jobs", json=JOB).get_json()["id"] for _ in range(2))
    server.used = 950
    body = {"jobs": [JOB]}
    # The memory is looked at about once a second.
    client.application.extensions["darkroom"].connection.memory._ask_at = 0
    for refused in (client.post("/v1/jobs", json=JOB), client.post("/v1/batches", json=body)):
        problem = refused.get_json()
        assert (refused.status_code, problem["code"], problem["retryable"]) == (503, "store_unavailable", True)
        assert "no room" in problem["detail"]
        assert refused.headers["Retry-After"] == "10"
    assert client.get(f"/v1/jobs/{first}").status_code == 200
    assert client.post(f"/v1/jobs/{first}/cancel").status_code == 200
    assert client.delete(f"/v1/jobs/{second}").status_code == 204
    server.used = 100
    client.application.extensions["darkroom"].connection.memory._ask_at = 0
    assert client.post("/v1/jobs", json=JOB).status_code == 202
