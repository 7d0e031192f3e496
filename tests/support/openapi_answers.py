"""Holds every answer of a test's application against the document: its status, its content type, its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema_rs
from flask import Flask, Response, request

from docs.generate import offline_document
from web.http.deferred import is_deferred
from web.http.operation import operation_of
from web.http.reply import Reply
from web.lane import Answerer, Begun, Lane
from web.openapi.document import METHODS, routes

#: What the server can answer to any request, whichever route it is for.
_FROM_THE_FRAME: Final = frozenset({405})


@cache
def _document() -> Any:
    return offline_document()


@cache
def _schema(method: str, path: str, status: int, kind: str) -> jsonschema_rs.Draft202012Validator | None:
    content = _document()["paths"][path][method]["responses"][str(status)]["content"][kind]
    if "schema" not in content:
        return None
    schemas = {"schemas": _document()["components"]["schemas"]}
    return jsonschema_rs.Draft202012Validator({**content["schema"], "components": schemas})


def undeclared_answers(app: Flask) -> list[str]:
    """Look at every answer of an application from now on.

    Returns:
        What was not as declared, filled as it happens.
    """
    found: list[str] = []
    paths = {(route.method, route.declared.id): route.path for route in routes(app) if route.method in METHODS}

    @app.after_request
    def look(answer: Response) -> Response:
        if is_deferred(request.environ):
            return answer
        declared = operation_of(app.view_functions.get(request.endpoint or ""))
        method = "get" if request.method == "HEAD" else request.method.lower()
        path = paths.get((method, declared.id)) if declared else None
        if path is not None and answer.status_code not in _FROM_THE_FRAME:
            found.extend(f"{request.method} {request.path}: {fault}" for fault in faults_of(method, path, answer))
        return answer

    lane: Any = app.wsgi_app
    assert isinstance(lane, Lane)
    declared_as = {"GET": ("get", "getJob"), "POST": ("post", "submitJob")}
    for name, (method, operation) in declared_as.items():
        lane.answers[name] = _looked_at(lane.answers[name], method, paths[method, operation], found)
    return found


def _looked_at(answer: Answerer, method: str, path: str, found: list[str]) -> Answerer:
    """The same answers from the lane before Flask, each looked at."""

    def looked(environ: Any, begun: Begun) -> Reply | None:
        reply = answer(environ, begun)
        if reply is not None:
            shown = Response(reply.body, reply.status, [*reply.headers])
            found.extend(f"{environ['PATH_INFO']}: {fault}" for fault in faults_of(method, path, shown))
        return reply

    return looked


def faults_of(method: str, path: str, answer: Response) -> Iterator[str]:
    """What of an answer is not as the document declares."""
    responses = _document()["paths"][path][method]["responses"]
    declared = responses.get(str(answer.status_code))
    if declared is None:
        yield f"{answer.status_code} is not declared"
        return
    kind = (answer.mimetype or "") if answer.status_code not in {204, 304} else ""
    if kind and kind not in declared.get("content", {}):
        yield f"{answer.status_code} with {kind} is not declared"
    elif kind.endswith("json"):
        schema = _schema(method, path, answer.status_code, kind)
        for error in schema.iter_errors(answer.get_json()) if schema else ():
            yield f"{answer.status_code}: {error.message[:200]} at {list(error.instance_path)}"
    for name in ("Location", "ETag", "Retry-After", "Link"):
        if name in answer.headers and name not in declared.get("headers", {}):
            yield f"{answer.status_code}: the header {name} is not declared"
