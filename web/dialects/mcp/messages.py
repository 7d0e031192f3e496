"""The messages of the protocol: JSON-RPC in both of its eras, as they are read and answered.

Revision 2026-07-28 has no handshake: each request says its version in ``params._meta``, and in headers what it asks for
(modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http). Those before begin with ``initialize``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from flask import Request, Response, g
from msgspec import UNSET, Meta, UnsetType

from jobs.resources.base import Resource, about
from jobs.version import VERSION
from web.dialects.bodies import DialectBody
from web.http.headers import header
from web.http.operation import json_response
from web.http.problems import Problem
from web.http.validation import BodyReader

#: The revisions that begin with ``initialize``, and the one that does not; of each kind the newest first.
LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
MODERN: Final = ("2026-07-28",)
#: The extension for long calls: a task can be asked for again (modelcontextprotocol/ext-tasks).
TASKS: Final = "io.modelcontextprotocol/tasks"
SERVER: Final = {"name": "darkroom", "title": "Darkroom", "version": VERSION}

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022

#: The header with the name of a connection, in the era of handshakes. Nothing is kept of it.
SESSION: Final = "Mcp-Session-Id"

_LONGEST_ID: Final = 256
_PREFIX: Final = "io.modelcontextprotocol/"
_VERSION: Final = f"{_PREFIX}protocolVersion"
_CAPABILITIES: Final = f"{_PREFIX}clientCapabilities"
#: Which parameter the header ``Mcp-Name`` repeats.
_NAMED: Final = {"tools/call": "name", **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "taskId")}
_CODED: Final = ("=?base64?", "?=")


class McpMessage(DialectBody, frozen=True, kw_only=True):
    """One message of a client, in JSON-RPC: a request, or without an id a notification."""

    jsonrpc: Annotated[str, Meta(pattern="^2\\.0$", description="`2.0`.", examples=["2.0"])]
    id: Annotated[
        Annotated[str, Meta(max_length=_LONGEST_ID)] | int | UnsetType,
        about("Its id, which the answer has too.", example=1),
    ] = UNSET
    method: Annotated[str, Meta(max_length=128, description="What it asks for.", examples=["tools/list"])]
    params: Annotated[dict[str, Any] | UnsetType, about("What for.", example={})] = UNSET


MESSAGE: Final = BodyReader(
    McpMessage,
    words={"pattern": "must be 2.0"},
    examples={
        "list": {"summary": "Which tools there are", "value": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}},
        "call": {
            "summary": "Make a picture",
            "value": {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "tools/call",
                "params": {"name": "generate_image", "arguments": {"prompt": "a lighthouse at dusk"}},
            },
        },
    },
)


class McpError(Resource, frozen=True, kw_only=True):
    """What was wrong with a message."""

    code: Annotated[int, about("Of JSON-RPC or of the protocol; else the HTTP status.", example=METHOD_NOT_FOUND)]
    message: Annotated[str, about("What happened, and what to do.", example="There is no method of this name.")]
    data: Annotated[dict[str, Any] | UnsetType, about("More for a program.", example={"code": "not_found"})] = UNSET


class McpFailure(Resource, frozen=True, kw_only=True):
    """A message that was refused."""

    jsonrpc: Annotated[str, about("`2.0`.", example="2.0")] = "2.0"
    id: Annotated[str | int | None, about("That of the request; null where it could not be read.", example=1)] = None
    error: McpError


class McpReply(Resource, frozen=True, kw_only=True):
    """The answer to a request."""

    jsonrpc: Annotated[str, about("`2.0`.", example="2.0")] = "2.0"
    id: Annotated[str | int, about("That of the request.", example=1)]
    result: Annotated[dict[str, Any], about("As the method has it.", example={"tools": []})]


class Refused(Problem):
    """A message that breaks the protocol, with its code there and the HTTP status."""

    def __init__(self, rpc_code: int, detail: str, *, status: int = 400, data: Mapping[str, Any] | None = None) -> None:
        super().__init__("not_found" if status == 404 else "invalid_input", detail, status=status)
        self.rpc_code = rpc_code
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was read.

    Args:
        modern: Whether it is one of an era without ``initialize``.
        version: The revision of the protocol that it is of.
        session: As the client names it, in the era with it.
    """

    id: str | int
    method: str
    params: Mapping[str, Any]
    modern: bool = False
    version: str = MODERN[0]
    session: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def progress_token(self) -> str | int | None:
        """What its progress is to be reported by; None: it is not."""
        token = self.meta.get("progressToken")
        return token if type(token) is int or (isinstance(token, str) and len(token) <= _LONGEST_ID) else None

    @property
    def takes_links(self) -> bool:
        """Whether its client knows links in results: the first revision here has none."""
        return self.version != LEGACY[-1]

    @property
    def takes_tasks(self) -> bool:
        """Whether its client can be answered with a task."""
        extensions = self.meta[_CAPABILITIES].get("extensions") if self.modern else None
        return isinstance(extensions, dict) and TASKS in extensions


def read(asked: Request, body: object) -> Call | McpMessage | None:
    """A message: a request, a notification, or None for the answer to a request, of which we send none.

    Raises:
        Problem: It breaks JSON-RPC or the protocol.
    """
    if isinstance(body, list):
        raise Refused(INVALID_REQUEST, "Send one message in each request: batches are not taken.")
    if isinstance(body, dict) and "method" not in body and ("result" in body or "error" in body):
        return None
    g.mcp_id = body.get("id") if isinstance(body, dict) and type(body.get("id")) in {str, int} else None
    message = MESSAGE.read(body)
    if isinstance(message.id, UnsetType):
        return message
    params = {} if isinstance(message.params, UnsetType) else message.params
    given = params.get("_meta", {})
    if not isinstance(given, dict):
        raise Refused(INVALID_PARAMS, "params._meta must be an object.")
    named = header(asked.environ, "MCP-Protocol-Version")
    modern = _VERSION in given or named in MODERN
    call = Call(
        id=message.id,
        method=message.method,
        params=params,
        modern=modern,
        # A client that says none is of a time before there was the header.
        version=named or LEGACY[-1],
        session="" if modern else header(asked.environ, SESSION),
        meta=given,
    )
    if modern:
        _check_modern(asked, call, named)
    elif named and named not in LEGACY:
        raise _unsupported(named)
    g.mcp_call = call
    return call


def _check_modern(asked: Request, call: Call, named: str) -> None:
    version = call.meta.get(_VERSION)
    if not isinstance(version, str) or not isinstance(call.meta.get(_CAPABILITIES), dict):
        raise Refused(INVALID_PARAMS, f"params._meta must have the text {_VERSION} and the object {_CAPABILITIES}.")
    _compare("MCP-Protocol-Version", named, version)
    if version not in MODERN:
        raise _unsupported(version)
    _compare("Mcp-Method", header(asked.environ, "Mcp-Method"), call.method)
    if call.method in _NAMED:
        name = call.params.get(_NAMED[call.method])
        _compare("Mcp-Name", _decoded(header(asked.environ, "Mcp-Name")), name)


def _compare(name: str, given: str | None, meant: object) -> None:
    if given != meant:
        raise Refused(HEADER_MISMATCH, f"The header {name} is missing, or not what the body says.")


def _decoded(text: str) -> str | None:
    begin, end = _CODED
    if not (text.startswith(begin) and text.endswith(end)):
        return text
    try:
        return base64.b64decode(text[len(begin) : -len(end)], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _unsupported(version: str) -> Refused:
    data = {"supported": [*MODERN, *LEGACY], "requested": version[:64]}
    return Refused(UNSUPPORTED_VERSION, "This version of the protocol is not supported.", data=data)


# -- answering ----------------------------------------------------------------


def reply(call: Call, result: Mapping[str, Any]) -> McpReply:
    """The answer to a request. Newer clients are told of each result which kind it is, and who made it."""
    if call.modern:
        result = {"resultType": "complete", "_meta": {f"{_PREFIX}serverInfo": SERVER}, **result}
    return McpReply(id=call.id, result=dict(result))


def refusal(problem: Problem) -> Response:
    """An error as clients of the protocol read it."""
    status = 400 if problem.status == 422 else problem.status
    resource = McpFailure(id=g.get("mcp_id"), error=_error(problem, status))
    return json_response(resource, status, problem.headers)


def _error(problem: Problem, status: int) -> McpError:
    if isinstance(problem, Refused):
        return McpError(
            code=problem.rpc_code, message=problem.detail, data=dict(problem.data) if problem.data else UNSET
        )
    if status >= 500:
        code = INTERNAL_ERROR
    elif status == 400:
        code = INVALID_REQUEST if "mcp_id" in g else PARSE_ERROR
    else:
        code = status
    return McpError(code=code, message=problem.detail, data=details(problem))


def details(problem: Problem) -> dict[str, Any]:
    """What a program can decide by."""
    found: dict[str, Any] = {"code": problem.code, "retryable": problem.kind.retryable}
    if wait := problem.headers.get("Retry-After"):
        found["retry_after_seconds"] = int(wait)
    if problem.errors:
        found["errors"] = [{"pointer": place, "detail": detail} for place, detail in problem.errors]
    return found


encode: Final = msgspec.json.Encoder().encode


def event(message: object) -> bytes:
    """A message in a stream."""
    return b"event: message\ndata: %s\n\n" % encode(message)
