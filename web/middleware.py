"""What every request passes before its view, in Flask: host, key, limits; and what is kept of it after."""

from __future__ import annotations

import time
from functools import partial

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import NotFound

from web.http import envelope
from web.http.auth import Caller
from web.http.deferred import after_wait, deferring, is_deferred
from web.http.error_responses import respond
from web.http.operation import operation_of
from web.http.problems import Problem
from web.http.sending import Sending
from web.lane import begun
from web.services import Services, services


def register(app: Flask, found: Services) -> None:
    """Put the envelope around every request."""
    app.before_request(_enter)
    app.after_request(_leave)
    sending = app.extensions["sending"] = Sending(found.settings.request_seconds)
    # The one that is named last is called first, so that a refusal is counted and logged as what it is.
    app.after_request(partial(_bounded, sending))
    app.wsgi_app = envelope.headed(deferring(app.wsgi_app))  # type: ignore[assignment, method-assign]


def _enter() -> Response | None:
    deferred = after_wait(request.environ)
    if deferred is not None:
        return deferred.answer()
    failed = begun(request.environ)
    if failed is not None and failed.error is not None:
        # Nothing is done twice: what went wrong in the lane is answered here.
        g.started, g.caller = failed.started, failed.caller
        raise failed.error
    g.started = time.perf_counter()
    envelope.identify(request.environ)
    if request.routing_exception is not None:
        return None
    if request.environ["PATH_INFO"].startswith("//"):
        # Werkzeug takes the second slash away; a proxy that guards a path may not.
        raise NotFound
    gate = services().gate
    gate.check_host(request.environ)
    if request.method == "OPTIONS":
        # What methods a route has is no secret, and some programs look so whether a server is there.
        return None
    declared = operation_of(current_app.view_functions.get(request.endpoint or ""))
    if declared is not None and declared.scope is not None:
        signed = declared.linkable and "sig" in request.args
        if signed:
            g.let_in = partial(gate.guest, request, services().signed_links)
        else:
            g.let_in = partial(gate.caller, request.environ, declared.scope, declared.credential)
        caller: Caller = g.let_in()
        g.caller = caller
        services().rate_limiter.admit(request.environ, declared.rate, caller.owner, caller.limits, guest=signed)
    return None


def _bounded(sending: Sending, answer: Response) -> Response:
    try:
        return sending.bound(answer)
    except Problem as problem:
        return respond(problem)


def _leave(answer: Response) -> Response:
    if is_deferred(request.environ):
        return answer
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    caller = g.get("caller")
    envelope.account(
        request.environ,
        request.method,
        request.url_rule.rule if request.url_rule else "(none)",
        answer.status_code,
        seconds,
        owner=caller.owner if caller else None,
        job_id=(request.view_args or {}).get("job_id"),
    )
    return answer
