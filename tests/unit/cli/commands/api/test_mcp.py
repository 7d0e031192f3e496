"""The bridge from standard input and output: what it sends, and what it says where the service does not answer as it should."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.commands.api import mcp
from cli.commands.api.mcp import Bridge

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


class Service(ThreadingHTTPServer):
    """Answers by the method of a message, and keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[Any, dict[str, str]]] = []
        self.failures = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Service

    def do_POST(self) -> None:
        """Answer as the service would."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._send(400, "application/json", b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}')
            return
        self.server.asked.append((message, {name.lower(): value for name, value in self.headers.items()}))
        if self.server.failures:
            self.server.failures -= 1
            self.close_connection = True
            return
        result = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": {"protocolVersion": "2025-11-25"}})
        match message["method"]:
            case "stream":
                note = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}})
                self._send(
                    200, "text/event-stream", f": beat\n\nevent: message\ndata: {note}\n\ndata: {result}\n\n".encode()
                )
            case "gone":
                self._send(404, "application/problem+json", b'{"detail":"There is no such route."}')
            case "page":
                self._send(500, "text/html", b"<h1>no</h1>")
            case "notifications/initialized":
                self._send(202, "", b"")
            case _:
                self._send(200, "application/json", result.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Mcp-Session-Id", "s1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def passed(url: str, *messages: Any, key: str | None = None) -> list[Any]:
    """What comes out where these go in, one after the other, each when the one before was answered."""
    output = io.BytesIO()
    bridge = Bridge(url, key, output)
    for message in messages:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        bridge.run(io.BytesIO(line + b"\n"))
    return [json.loads(line) for line in output.getvalue().splitlines()]


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 3, "method": method, **({"params": params} if params else {})}


def test_a_request_of_the_newer_era_is_named_in_headers(service: Service) -> None:
    (answer,) = passed(service.url, request("tools/call", name="é", _meta=META), key="dk_live_x")
    ((_, headers),) = service.asked
    assert answer["id"] == 3
    assert (headers["mcp-protocol-version"], headers["mcp-method"]) == ("2026-07-28", "tools/call")
    assert (headers["mcp-name"], headers["authorization"]) == ("=?base64?w6k=?=", "Bearer dk_live_x")


def test_after_a_handshake_its_version_and_session_are_sent(service: Service) -> None:
    passed(service.url, request("initialize"), {"jsonrpc": "2.0", "method": "notifications/initialized"}, request("x"))
    assert "mcp-session-id" not in service.asked[0][1]
    for _, headers in service.asked[1:]:
        assert (headers["mcp-protocol-version"], headers["mcp-session-id"]) == ("2025-11-25", "s1")


def test_each_message_of_a_stream_is_a_line(service: Service) -> None:
    note, answer = passed(service.url, request("stream"))
    assert (note["method"], "id" in note, answer["id"]) == ("notifications/progress", False, 3)


def test_a_request_is_sent_again_under_its_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(mcp, "_LAST_SECONDS", 30.0)
    service.failures = 2
    (answer,) = passed(service.url, request("x"))
    assert answer["result"]
    assert len(service.asked) == 3
    assert len({headers["idempotency-key"] for _, headers in service.asked}) == 1


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (request("gone"), 404, "no such route"),
        (request("page"), 500, "500"),
        (b"{", -32700, "no"),
        (b"[" * 2000, -32700, "no"),
    ],
)
def test_what_is_no_answer_is_an_error(service: Service, line: Any, code: int, says: str) -> None:
    (answer,) = passed(service.url, line)
    assert (answer["jsonrpc"], answer["id"], answer["error"]["code"]) == (
        "2.0",
        3 if isinstance(line, dict) else None,
        code,
    )
    assert says in answer["error"]["message"]


def test_where_nothing_answers_the_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "_PATIENCE_SECONDS", 0.0)
    (answer,) = passed("http://127.0.0.1:1", request("x"))
    assert (answer["id"], answer["error"]["code"]) == (3, -32603)
    assert "darkroom up" in answer["error"]["message"]
