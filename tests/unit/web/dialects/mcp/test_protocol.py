"""The messages of the protocol in both eras: what is read, what is refused and how."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.unit.web.dialects.mcp.conftest import META, VERSION, Mcp, error, result


def test_a_handshake_ends_with_the_version_that_was_asked_for_or_the_newest(legacy: Mcp) -> None:
    for asked, given in {"2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18", "2024-11-05": "2025-11-25"}.items():
        answer = legacy.send("initialize", {"protocolVersion": asked, "capabilities": {}})
        found = result(answer)
        assert (found["protocolVersion"], found["capabilities"]) == (given, {"tools": {}})
        assert found["serverInfo"]["name"] == "darkroom"
        assert "resultType" not in found
    assert result(legacy.send("ping")) == {}


def test_discover_says_what_there_is(modern: Mcp) -> None:
    found = result(modern.send("server/discover"))
    assert found["supportedVersions"] == [VERSION]
    assert found["capabilities"] == {"tools": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
    assert (found["resultType"], found["cacheScope"]) == ("complete", "private")
    assert found["ttlMs"] > 0
    assert found["_meta"][f"{META}serverInfo"]["name"] == "darkroom"


def test_a_notification_is_taken_without_a_word(client: FlaskClient) -> None:
    for body in (
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}},
    ):
        answer = client.post("/mcp", json=body)
        assert (answer.status_code, answer.data) == (202, b"")


@pytest.mark.parametrize("method", ["get", "delete", "put"])
def test_there_is_no_other_method(client: FlaskClient, method: str) -> None:
    answer = client.open("/mcp", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


def test_an_unknown_method_is_said_to_be_one(legacy: Mcp, modern: Mcp) -> None:
    for client, method, status in ((legacy, "server/discover", 200), (modern, "ping", 404), (modern, "x", 404)):
        answer = client.send(method)
        assert (answer.status_code, error(answer)["code"]) == (status, -32601)
        assert answer.get_json()["id"] == 7


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"MCP_Protocol_Version": "2025-11-25"}, -32020),
        ({"MCP_Protocol_Version": ""}, -32020),
        ({"Mcp_Method": "tools/list"}, -32020),
        ({"Mcp_Method": ""}, -32020),
        ({"Mcp_Name": "other"}, -32020),
        ({"Mcp_Name": "=?base64?!!?="}, -32020),
        ({"Mcp_Name": ""}, -32020),
    ],
)
def test_headers_must_be_what_the_body_says(modern: Mcp, headers: dict[str, str], code: int) -> None:
    answer = modern.send("tools/call", {"name": "list_models"}, **headers)
    assert (answer.status_code, error(answer)["code"], answer.get_json()["id"]) == (400, code, 7)


def test_a_name_in_a_header_may_be_coded(modern: Mcp) -> None:
    coded = base64.b64encode(b"list_models").decode()
    answer = modern.send("tools/call", {"name": "list_models"}, Mcp_Name=f"=?base64?{coded}?=")
    assert result(answer)["isError"] is False


@pytest.mark.parametrize(
    "meta",
    [
        {f"{META}protocolVersion": 1},
        {f"{META}clientCapabilities": None},
        {f"{META}clientCapabilities": []},
    ],
)
def test_what_each_request_must_say(modern: Mcp, meta: dict[str, Any]) -> None:
    answer = modern.send("tools/list", {"_meta": meta})
    assert (answer.status_code, error(answer)["code"]) == (400, -32602)


def test_a_version_that_is_not_known_is_answered_with_those_that_are(modern: Mcp, legacy: Mcp) -> None:
    meta = {f"{META}protocolVersion": "1900-01-01"}
    for answer in (
        modern.send("tools/list", {"_meta": meta}, MCP_Protocol_Version="1900-01-01"),
        legacy.send("tools/list", MCP_Protocol_Version="1900-01-01"),
    ):
        assert (answer.status_code, error(answer)["code"]) == (400, -32022)
        assert error(answer)["data"] == {
            "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
            "requested": "1900-01-01",
        }


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ([], -32600, None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], -32600, None),
        (3, -32600, None),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600, 1),
        ({"id": 1, "method": "ping"}, -32600, 1),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}, -32600, None),
        ({"jsonrpc": "2.0", "id": "x" * 300, "method": "ping"}, -32600, "x" * 300),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, -32600, 1),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": 3}}, -32602, 1),
    ],
)
def test_what_is_no_message_is_refused(client: FlaskClient, body: Any, code: int, named: Any) -> None:
    answer = client.post("/mcp", json=body)
    assert (answer.status_code, error(answer)["code"], answer.get_json()["id"]) == (400, code, named)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b'{"a": NaN}', 400, -32700),
        (b"[" * 40 + b"]" * 40, 400, -32700),
        (b'{"x": 1, "x": 2}', 400, -32700),
        (b" " * (13 << 20), 413, 413),
    ],
)
def test_what_is_no_json_is_refused(client: FlaskClient, body: bytes, status: int, code: int) -> None:
    answer = client.post("/mcp", data=body, content_type="application/json")
    assert (answer.status_code, error(answer)["code"], answer.get_json()["id"]) == (status, code, None)


def test_another_content_type_is_refused(client: FlaskClient) -> None:
    answer = client.post("/mcp", data=b"{}", content_type="text/plain")
    assert (answer.status_code, error(answer)["code"]) == (415, 415)


def test_without_a_key_it_is_an_error_of_the_protocol(public_app: Any) -> None:
    client = public_app.test_client()
    answer = client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert (answer.status_code, error(answer)["code"]) == (401, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "key" in error(answer)["message"]


def test_a_page_of_another_site_is_refused_also_with_a_key(public_app: Any) -> None:
    _, key = public_app.extensions["darkroom"].keys.create("host")
    client = public_app.test_client()
    headers = {"Authorization": f"Bearer {key}"}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert client.post("/mcp", json=ping, headers=headers).status_code == 200
    answer = client.post("/mcp", json=ping, headers={**headers, "Origin": "https://evil.example"})
    assert (answer.status_code, error(answer)["code"]) == (403, 403)
