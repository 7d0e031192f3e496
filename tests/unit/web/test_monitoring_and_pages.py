"""Health, metrics, the document, the pages, and the headers of all answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fakeredis
import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from jobs import metrics
from jobs.record import keys
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from jobs.scheduling.provider_states import ProviderStates
from tests.support.fake_worker import FakeWorker
from web.build import build
from web.services import Services

PATHS = [
    "/",
    "/docs",
    "/static/page.js",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/v1/jobs",
    "/v1/nothing",
    "/v1/jobs?x=1",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert "Set-Cookie" not in headers
    assert headers["X-Request-Id"]


def test_a_request_id_comes_back_where_it_is_one(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    for odd in ("x" * 200, "a b", "<script>"):
        assert client.get("/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"] != odd
    first, second = (client.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_hold_no_inline_code_and_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|\son\w+=|style=|javascript:", page)
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert addresses
    for address in addresses:
        assert address.startswith("/")
        with client.get(address) as answer:
            assert answer.status_code == 200, address


@pytest.mark.parametrize("name", ["../__init__.py", "swagger-ui.js", "..%2f..%2fx", "index.css"])
def test_the_docs_page_gives_only_its_own_files(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_readiness_needs_redis_and_a_worker(
    client: FlaskClient, services: Services, serve: Callable[[Services], Flask]
) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["workers"]) == (503, "no worker is alive")
    assert answer.headers["Retry-After"]
    Leases(services.connection).beat("w1", 4, 60, [])
    checks = {"redis": "ok", "database": "ok", "memory": "ok", "workers": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ready", "checks": checks}

    class Replica(fakeredis.FakeRedis):
        def set(self, *_: Any, **__: Any) -> Any:
            raise redis.ReadOnlyError("You can't write against a read only replica.")

    replica = Replica(connection_pool=services.connection.client.connection_pool)
    client = serve(build(services.settings, client=replica)).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]["workers"]) == (503, "unknown")
    assert client.get("/healthz").status_code == 200


def test_metrics_count_requests_and_jobs(client: FlaskClient, fake_worker: FakeWorker) -> None:
    fake_worker.submit()
    client.get("/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    text = client.get("/metrics").text
    assert 'darkroom_jobs{state="queued"} 1.0' in text
    assert 'darkroom_provider_jobs{provider="echo"} 0.0' in text
    assert 'darkroom_http_requests_total{method="GET",route="/v1/jobs/<job:job_id>",status="404"}' in text
    assert "job_01ARZ3" not in text


def test_metrics_name_every_method_that_a_route_takes(app: Flask, client: FlaskClient) -> None:
    for method in sorted({method for rule in app.url_map.iter_rules() for method in rule.methods or ()}):
        client.open("/v1/admin/keys/key_01ARZ3NDEKTSV4RRFFQ69G5FAV", method=method)
        assert f'darkroom_http_requests_total{{method="{method}",' in client.get("/metrics").text
    client.open("/healthz", method="BREW")
    assert 'method="other"' in client.get("/metrics").text


def test_metrics_show_what_workers_and_the_scheduler_counted(client: FlaskClient, services: Services) -> None:
    counters = Counters(services.connection)
    counters.add(metrics.ATTEMPTS, "echo", "succeeded")
    for seconds in (0.5, 4.0, 4000.0):
        counters.observe(metrics.ATTEMPT_SECONDS, "echo", seconds=seconds)
    counters.flush()
    services.connection.redis.hset(keys.METRICS, '["of_another_version","","x"]', "1")
    services.webhooks.test("key_1", "https://hooks.example.com/")
    lines = client.get("/metrics").text.splitlines()
    assert {
        'darkroom_attempts_total{outcome="succeeded",provider="echo"} 1.0',
        'darkroom_attempt_seconds_bucket{le="1.0",provider="echo"} 1.0',
        'darkroom_attempt_seconds_bucket{le="5.0",provider="echo"} 2.0',
        'darkroom_attempt_seconds_bucket{le="+Inf",provider="echo"} 3.0',
        'darkroom_attempt_seconds_sum{provider="echo"} 4004.5',
        'darkroom_attempt_seconds_count{provider="echo"} 3.0',
        "darkroom_leases_lost_total 0.0",
        "darkroom_webhooks_pending 1.0",
    } <= set(lines)
    assert not any("another_version" in line for line in lines)


def test_every_metric_that_is_declared_is_shown(client: FlaskClient) -> None:
    client.get("/healthz")
    families = {line.split(" ")[2] for line in client.get("/metrics").text.splitlines() if line.startswith("# TYPE")}
    assert {metric.name for metric in (*metrics.OF_WEB, *metrics.OF_REDIS, *metrics.COUNTED)} <= families


def test_an_error_nobody_expected_says_nothing_but_its_request_id(
    services: Services, serve: Callable[[Services], Flask], caplog: pytest.LogCaptureFixture
) -> None:
    class Stumbling(ProviderStates):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("hf_secret in a text")

    stumbling = replace(services, provider_states=Stumbling(services.connection))
    answer = serve(stumbling).test_client().get("/v1/providers")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal")
    assert "hf_secret" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "a request failed" in caplog.text


def test_a_wrong_method_says_which_there_are(client: FlaskClient) -> None:
    answer = client.put("/v1/jobs")
    assert (answer.status_code, answer.get_json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_providers_show_what_they_can_do_and_how_they_stand(client: FlaskClient, services: Services) -> None:
    services.provider_states.announce({"echo": 3})
    HealthStore(services.connection).rest("echo", services.store.now() + 60, "provider_quota")
    echo = client.get("/v1/providers/echo").get_json()
    assert (echo["state"], echo["limit"], echo["in_flight"]) == ("resting", 3, 0)
    assert echo["cooldown"]["reason"] == "The provider's quota is used up"
    dev = client.get("/v1/providers/blackforestlabs-flux1-dev").get_json()
    assert dev["space"] == "black-forest-labs/FLUX.1-dev"
    assert dev["aliases"]["flux-dev"] == "black-forest-labs-flux-1-dev"
    steps = next(
        each for each in dev["parameters"]["black-forest-labs-flux-1-dev"] if each["name"] == "num_inference_steps"
    )
    assert (steps["type"], steps["default"]) == ("integer", 28)


def test_models_name_their_providers_in_order(client: FlaskClient) -> None:
    models = {model["id"]: model for model in client.get("/v1/models").get_json()["data"]}
    assert models["flux-schnell"]["providers"] == ["blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell", "g4f"]
    assert models["flux-schnell"]["capabilities"] == ["text-to-image"]
    assert "image-to-text" in models["janus-pro-7b"]["capabilities"]
    assert models["flux-dev"]["input_schema"]["properties"]["num_inference_steps"]["default"] == 28


def test_a_provider_tells_the_commit_of_its_space(client: FlaskClient, services: Services) -> None:
    HealthStore(services.connection).update("echo", lambda record, at: health.probed(record, "s", None, at, "0abc"))
    assert client.get("/v1/providers/echo").get_json()["revision"] == "0abc"
