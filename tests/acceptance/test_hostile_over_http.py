"""Upstreams that misbehave as no real Gradio does on demand: what the client of the whole service gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.api_client import ApiClient
from tests.support.hostile_app import HostileApp, Request, Wire, event, hostile_app
from tests.support.processes import Stack

pytestmark = pytest.mark.acceptance

STREAM = "GET /gradio_api/queue/data"


def cut(wire: Wire, _: Request) -> None:
    wire.stream()
    wire.chunk(event("process_starts"))
    wire.sock.shutdown(socket.SHUT_RDWR)


def end(wire: Wire, _: Request) -> None:
    wire.stream()
    wire.chunk(event("process_starts"))
    wire.chunk(b"")


def flood(wire: Wire, _: Request) -> None:
    wire.stream()
    wire.chunk(b"data: ")
    for _count in range(200):
        wire.chunk(b"x" * (1 << 20))


def page(wire: Wire, _: Request) -> None:
    wire.answer(b"<html><body>Not what you wanted</body></html>", content_type="text/html")


def heartbeats(wire: Wire, _: Request) -> None:
    wire.stream()
    for _count in range(600):
        wire.chunk(event("heartbeat"))
        if not wire.pause(0.1):
            return


def full(wire: Wire, _: Request) -> None:
    wire.answer({"detail": "Queue is full. Max size is 2 and size is 2."}, status="503 Service Unavailable")


FAULTS = {
    "cut": (STREAM, cut, "provider_unreachable"),
    "end": (STREAM, end, "provider_unreachable"),
    "flood": (STREAM, flood, "provider_protocol"),
    "page": (STREAM, page, "provider_protocol"),
    "heartbeats": (STREAM, heartbeats, "provider_timeout"),
    "full": ("POST /gradio_api/call/infer", full, "provider_busy"),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """A client of a stack with one bad upstream a fault."""
    folder = tmp_path_factory.mktemp("stack")
    apps = {name: hostile_app() for name in FAULTS}
    tables = []
    for name, context in apps.items():
        app: HostileApp = context.__enter__()
        route, handler, _ = FAULTS[name]
        app.routes[route] = handler
        tables.append(
            f'[providers.{name}]\ndriver = "space"\nurl = "{app.url}"\napi_name = "/infer"\n'
            f'models = ["{name}"]\nkind = "text"\ntimeout_seconds = 3\nparameters = {{ prompt = "" }}'
        )
    config = folder / "providers.toml"
    config.write_text("\n\n".join(tables))
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        stack.whole()
        yield ApiClient(stack.url)
    for context in apps.values():
        context.__exit__(None, None, None)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_upstream_becomes_a_typed_error(client: ApiClient, fault: str) -> None:
    """The deadline leaves no room for a second attempt, so that the first one's error is the job's."""
    seen = client.run(fault, input={"prompt": "x"}, deadline_seconds=5)
    assert seen.job["status"] == "failed", seen.job
    assert seen.job["error"]["code"] == FAULTS[fault][2], seen.job
    assert "<" not in seen.job["error"]["detail"]
