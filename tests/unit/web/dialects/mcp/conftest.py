"""A client of the protocol as a few lines: it sends messages of both eras, and reads what comes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"
TASKS: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
#: Which parameter the header Mcp-Name repeats.
NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/cancel": "taskId", "tasks/update": "taskId"}


@dataclass
class Mcp:
    """A client; ``modern`` of the era without ``initialize``."""

    http: FlaskClient
    modern: bool = False
    capabilities: dict[str, Any] = field(default_factory=dict)
    path: str = "/mcp"
    version: str = "2025-11-25"

    def send(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        """A request; ``headers`` with low lines are sent beside those of the era, or in their place."""
        given = dict(params or {})
        sent = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": self.version}
        if self.modern:
            given["_meta"] = {
                f"{META}protocolVersion": VERSION,
                f"{META}clientCapabilities": self.capabilities,
                **given.get("_meta", {}),
            }
            sent |= {"MCP-Protocol-Version": VERSION, "Mcp-Method": method}
            if method in NAMED:
                sent["Mcp-Name"] = str(given.get(NAMED[method]))
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": given}
        return self.http.post(self.path, json=body, headers=sent)

    def tool(self, name: str, arguments: dict[str, Any] | None = None, **meta: Any) -> TestResponse:
        """A call of a tool."""
        return self.send(
            "tools/call", {"name": name, "arguments": arguments or {}, **({"_meta": meta} if meta else {})}
        )

    def called(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """The result of a call."""
        return result(self.tool(name, arguments))


def messages(answer: TestResponse) -> list[Any]:
    """What came: one message, or those of a stream."""
    if answer.mimetype == "application/json":
        return [answer.get_json()]
    found = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("event: message\ndata: ") for block in found)
    return [json.loads(block.partition("\ndata: ")[2]) for block in found]


def result(answer: TestResponse) -> Any:
    """The result that is its last message."""
    assert answer.status_code == 200, answer.text
    last = messages(answer)[-1]
    assert last["id"] == 7
    return last["result"]


def error(answer: TestResponse) -> Any:
    """The error that is its last message."""
    last = messages(answer)[-1]
    assert last["jsonrpc"] == "2.0"
    return last["error"]


@pytest.fixture(params=[False, True], ids=["legacy", "modern"])
def mcp(client: FlaskClient, request: pytest.FixtureRequest) -> Mcp:
    """A client of each era."""
    return Mcp(client, modern=request.param)


@pytest.fixture
def modern(client: FlaskClient) -> Mcp:
    """A client of the newest revision."""
    return Mcp(client, modern=True)


@pytest.fixture
def legacy(client: FlaskClient) -> Mcp:
    """A client that begins with ``initialize``."""
    return Mcp(client)
