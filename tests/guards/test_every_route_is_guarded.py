"""No route is added without saying who may use it, and what is said is what happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fakeredis
import pytest
from flask import Flask

import settings
from settings import Bind
from tests.support.fake_worker import name_database
from web.app import assemble
from web.build import build
from web.http.operation import operation_of
from web.openapi.document import routes

JOB = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
BATCH = "batch_01ARZ3NDEKTSV4RRFFQ69G5FAV"
KEY = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"
FILE = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
DELIVERY = "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV"

#: What anybody may read. A route that joins them is listed here on purpose.
OPEN = {"/", "/docs", "/docs/assets/{name}", "/healthz", "/readyz", "/openapi.json"}
#: What changes something: a key that may only read must not get in.
SUBMITTING = {
    ("POST", "/v1/jobs"),
    ("DELETE", "/v1/jobs/{job_id}"),
    ("POST", "/v1/jobs/{job_id}/cancel"),
    ("POST", "/v1/jobs/{job_id}/rerun"),
    ("POST", "/v1/batches"),
    ("POST", "/v1/files"),
    ("DELETE", "/v1/files/{file_id}"),
    ("POST", "/v1/batches/{batch_id}/cancel"),
    ("POST", "/v1/jobs/{job_id}/deliveries/{delivery_id}/redeliver"),
    ("GET", "/v1/webhooks/default/secret"),
    ("POST", "/v1/webhooks/default/secret/rotate"),
    ("POST", "/v1/webhooks/test"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/generate"),
    ("POST", "/v1/images/edits"),
    ("POST", "/v1/images/variations"),
    ("POST", "/v1/videos"),
    ("DELETE", "/v1/videos/video_{job_id}"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/responses/resp_{job_id}/cancel"),
    ("POST", "/hf/models/{name}"),
    ("POST", "/hf/models/{name}/v1/chat/completions"),
    ("POST", "/sdapi/v1/txt2img"),
    ("POST", "/sdapi/v1/img2img"),
    ("POST", "/sdapi/v1/interrogate"),
    ("POST", "/sdapi/v1/interrupt"),
    ("POST", "/sdapi/v1/skip"),
    ("POST", "/sdapi/v1/options"),
    ("POST", "/mcp"),
    ("POST", "/v1/predictions"),
    ("POST", "/v1/models/{owner}/{name}/predictions"),
    ("POST", "/v1/predictions/{job_id}/cancel"),
    *(
        ("POST", f"/gradio/{{name}}{prefix}{path}")
        for prefix in ("/gradio_api", "")
        for path in ("/queue/join", "/call/{api_name}", "/call/v2/{api_name}", "/upload", "/cancel", "/reset")
    ),
}
#: Where the routes are that need a key: the native API, then each dialect's.
PREFIXES = ("/v1/", "/gradio/", "/api/spaces/", "/mcp", "/sdapi/v1/", "/internal/", "/hf/")
#: What a signed link can open.
LINKABLE = {
    ("GET", "/v1/jobs/{job_id}/outputs/{index}"),
    ("GET", "/v1/jobs/{job_id}/image"),
    ("GET", "/v1/predictions/{job_id}/stream"),
}
ADMIN = {
    ("GET", "/metrics"),
    ("GET", "/v1/admin/jobs"),
    ("GET", "/v1/admin/queue"),
    ("PATCH", "/v1/admin/queue"),
    ("GET", "/v1/admin/providers/{name}"),
    ("PATCH", "/v1/admin/providers/{name}"),
    ("POST", "/v1/admin/providers"),
    ("POST", "/v1/admin/provider-previews"),
    ("GET", "/v1/admin/provider-checks"),
    ("GET", "/v1/admin/keys"),
    ("POST", "/v1/admin/keys"),
    ("GET", "/v1/admin/keys/{key_id}"),
    ("PATCH", "/v1/admin/keys/{key_id}"),
    ("DELETE", "/v1/admin/keys/{key_id}"),
    ("POST", "/v1/admin/keys/{key_id}/rotate"),
}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    chosen = settings.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})
    built = build(replace(chosen, bind=Bind("0.0.0.0", 8000)), client=fakeredis.FakeRedis())
    name_database(built)
    yield assemble(built)
    built.close()


def address(path: str) -> str:
    return (
        path.replace("{job_id}", JOB)
        .replace("{batch_id}", BATCH)
        .replace("{file_id}", FILE)
        .replace("{index}", "0")
        .replace("{owner}", "darkroom")
        .replace("{name}", "echo")
        .replace("{version}", "echo")
        .replace("{delivery_id}", DELIVERY)
        .replace("{key_id}", KEY)
    )


def test_every_route_is_declared(app: Flask) -> None:
    undeclared = [
        rule.rule for rule in app.url_map.iter_rules() if operation_of(app.view_functions[rule.endpoint]) is None
    ]
    assert undeclared == ["/static/<path:filename>"]


def test_only_listed_routes_are_open_and_only_readers_may_read(app: Flask) -> None:
    declared = {(route.method.upper(), route.path): route.declared.scope for route in routes(app)}
    assert {path for (_, path), scope in declared.items() if scope is None} == OPEN
    assert {route for route, scope in declared.items() if scope == "submit"} == SUBMITTING
    assert {route for route, scope in declared.items() if scope == "admin"} == ADMIN
    linkable = {(route.method.upper(), route.path) for route in routes(app) if route.declared.linkable}
    assert linkable == LINKABLE
    assert all(path.startswith(PREFIXES) for (_, path), scope in declared.items() if scope in {"read", "submit"})
    assert all(scope is not None for (_, path), scope in declared.items() if path.startswith("/v1"))


def test_nobody_gets_past_the_gate_without_a_key(app: Flask) -> None:
    client = app.test_client()
    for route in routes(app):
        answer = client.open(address(route.path), method=route.method.upper())
        if route.path in OPEN:
            assert answer.status_code != 401, route.path
        else:
            assert answer.status_code == 401, route.path


def test_a_key_without_the_scope_is_refused_everywhere(app: Flask) -> None:
    client = app.test_client()
    keys = app.extensions["darkroom"].keys
    texts = {scope: keys.create(scope, (scope,))[1] for scope in ("submit", "read", "admin")}
    for route in routes(app):
        for scope, text in texts.items():
            if route.declared.scope is None:
                continue
            headers = {"Authorization": f"Bearer {text}"}
            answer = client.open(address(route.path), method=route.method.upper(), headers=headers)
            assert (answer.status_code == 403) == (scope != route.declared.scope), (route.path, scope)


def test_every_route_answers_errors_as_problems(app: Flask) -> None:
    client = app.test_client()
    for route in routes(app):
        answer = client.open(address(route.path), method="PUT")
        assert (answer.status_code, answer.content_type) == (405, "application/problem+json"), route.path
