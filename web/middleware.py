"""What every request passes and every answer carries: host, key, request id, security headers, log line, counters."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import NotFound

from web import counters
from web.http import rate_limits
from web.http.headers import REQUEST_ID, header, name_request, request_id
from web.http.operation import operation_of
from web.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("web.access")

#: Nothing of an API answer is ever active content. Pages set their own policy.
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"

_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
#: By the name in lower case: those that a view may have set otherwise.
_OVERRIDABLE: Final = (
    ("content-security-policy", ("Content-Security-Policy", API_POLICY)),
    ("cross-origin-resource-policy", ("Cross-Origin-Resource-Policy", "same-origin")),
    ("cache-control", ("Cache-Control", "private, no-store")),
)
_REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
#: Ids of our own: random for each process, then counted, since random bytes for each request cost more than the rest.
_PROCESS: Final = secrets.token_hex(5)
_numbers: Final = itertools.count()
#: Reads are many and tell little: they are logged where they fail or take so many seconds.
_SLOW_SECONDS: Final = 1.0


def register(app: Flask) -> None:
    """Put the envelope around every request."""
    app.before_request(_enter)
    app.after_request(_leave)
    app.wsgi_app = _headed(app.wsgi_app)  # type: ignore[assignment, method-assign]


def _headed(inner: WSGIApplication) -> WSGIApplication:
    """Add the headers that every answer carries. Here and not in a view's answer, where each costs ten times as much."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            *more: Any,  # noqa: ANN401 - WSGI's, passed on
        ) -> Callable[[bytes], object]:
            own = {name.lower() for name, _ in headers}
            missing = [pair for name, pair in _OVERRIDABLE if name not in own]
            own_kind = (*rate_limits.headers(environ), (REQUEST_ID, request_id(environ)))
            return start_response(status, [*headers, *_HEADERS, *missing, *own_kind], *more)

        return inner(environ, start)

    return serve


def _enter() -> None:
    g.started = time.perf_counter()
    given = header(request, REQUEST_ID)
    name_request(request.environ, given if _REQUEST_ID_FORM.fullmatch(given) else f"{_PROCESS}{next(_numbers):08x}")
    if request.routing_exception is not None:
        return
    if request.environ["PATH_INFO"].startswith("//"):
        # Werkzeug takes the second slash away; a proxy that guards a path may not.
        raise NotFound
    gate = services().gate
    gate.check_host(request)
    declared = operation_of(current_app.view_functions.get(request.endpoint or ""))
    if declared is not None and declared.scope is not None:
        signed = declared.linkable and "sig" in request.args
        caller = gate.guest(request, services().signed_links) if signed else gate.caller(request, declared.scope)
        g.caller = caller
        services().rate_limiter.admit(declared.rate, caller.owner, caller.limits, guest=signed)


def _leave(answer: Response) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "(none)"
    counters.count(request.method, route, answer.status_code, seconds)
    _log(answer, route, seconds)
    return answer


def _log(answer: Response, route: str, seconds: float) -> None:
    quiet = request.method in {"GET", "HEAD"} and answer.status_code < 400 and seconds < _SLOW_SECONDS
    level = logging.DEBUG if quiet else logging.INFO
    if not log.isEnabledFor(level):
        return
    caller = g.get("caller")
    arguments = request.view_args or {}
    log.log(
        level,
        "%s %s %d",
        request.method,
        route,
        answer.status_code,
        extra={
            "request_id": request_id(request.environ),
            "owner": caller.owner if caller else None,
            "job_id": arguments.get("job_id"),
            "milliseconds": round(seconds * 1000, 1),
        },
    )
