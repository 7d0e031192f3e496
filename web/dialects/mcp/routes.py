"""``POST /mcp``: every message of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, Response, g, request
from ulid import ULID

from web.dialects.ignored import IGNORED_HEADER
from web.dialects.mcp import tasks
from web.dialects.mcp.calls import call_tool
from web.dialects.mcp.canceling import cancel
from web.dialects.mcp.messages import (
    LEGACY,
    MESSAGE,
    METHOD_NOT_FOUND,
    MODERN,
    SERVER,
    SESSION,
    TASKS,
    Call,
    McpFailure,
    McpReply,
    Refused,
    read,
    refusal,
    reply,
)
from web.dialects.mcp.results import Json, problem_result
from web.dialects.mcp.tools import listed
from web.http.auth import check_origin
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, Parameter, json_response
from web.http.problems import Problem
from web.services import services
from web.v1 import idempotency
from web.v1.accept import ERRORS

blueprint = Blueprint("mcp", __name__)

_INSTRUCTIONS: Final = (
    "Makes and changes pictures, and says what is on them. A call may take minutes: if its status is queued or running,"
    " call get_job with its job_id, and show image_url meanwhile. list_models says what each model takes."
)
#: How long clients may remember what the server and its tools are, in milliseconds. Tools come and go with the models.
_CACHED: Final = {"ttlMs": 60_000, "cacheScope": "private"}


def _refuse(problem: Problem) -> Response:
    """An error: of a tool as its result, so that a model reads it and can do better, any other as the protocol has it."""
    call = g.get("mcp_call")
    if call is None or call.method != "tools/call" or isinstance(problem, Refused) or problem.code == "internal":
        return refusal(problem)
    return json_response(reply(call, problem_result(problem)))


@blueprint.post("/mcp")
@Operation(
    "mcp", "MCP", "submit", body=MESSAGE,
    parameters=(
        Parameter("MCP-Protocol-Version", "header", "The revision that the client speaks.", example=MODERN[0]),
        Parameter("no_image_content", "query", "`true`: results have links to pictures, and no copies of them."),
        idempotency.KEY,
    ),
    answers=(
        Answer(
            200,
            "The answer to a request; of a call that waits for a job a stream, with progress before the answer. What was"
            " wrong with the call of a tool is in its result.",
            {"application/json": (McpReply, McpFailure), "text/event-stream": None},
            headers=(IGNORED_HEADER, REPLAYED),
        ),
        Answer(202, "A notification was taken."),
    ),
    errors=(*ERRORS, "rate_limited"), refusal=_refuse, refused=McpFailure,
)  # fmt: skip
def mcp() -> Response:
    """Speak the Model Context Protocol.

    Each message is one request. Nothing is kept of a session, and there is no stream of its own: GET and DELETE are not
    allowed.
    """
    check_origin(request.environ)
    message = read(request, read_json(request, PICTURE_BODY))
    if not isinstance(message, Call):
        if message is not None and message.method == "notifications/cancelled":
            cancel(request, message)
        taken = Response(status=202)
        del taken.headers["Content-Type"]
        return taken
    answer = (_MODERN if message.modern else _LEGACY).get(message.method)
    if answer is None:
        status = 404 if message.modern else 200
        raise Refused(METHOD_NOT_FOUND, "There is no method of this name here.", status=status)
    return answer(message)


def _initialize(call: Call) -> Response:
    asked = call.params.get("protocolVersion")
    version = asked if asked in LEGACY else LEGACY[0]
    found: Json = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": SERVER}
    return json_response(reply(call, {**found, "instructions": _INSTRUCTIONS}), headers={SESSION: str(ULID())})


def _discover(call: Call) -> Response:
    capabilities: Json = {"tools": {}, "extensions": {TASKS: {}}}
    found = {"supportedVersions": [*MODERN], "capabilities": capabilities, "instructions": _INSTRUCTIONS}
    return json_response(reply(call, {**found, **_CACHED}))


def _list_tools(call: Call) -> Response:
    cached = _CACHED if call.modern else {}
    return json_response(reply(call, {"tools": listed(services().catalog), **cached}))


def _ping(call: Call) -> Response:
    return json_response(reply(call, {}))


_Answers = Mapping[str, Callable[[Call], Response]]
_LEGACY: Final[_Answers] = {
    "initialize": _initialize,
    "ping": _ping,
    "tools/list": _list_tools,
    "tools/call": call_tool,
}
_MODERN: Final[_Answers] = {
    "server/discover": _discover,
    "tools/list": _list_tools,
    "tools/call": call_tool,
    "tasks/get": tasks.get,
    "tasks/cancel": tasks.cancel,
    "tasks/update": tasks.update,
}
