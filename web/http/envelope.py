"""What every answer carries, and what is kept of every request: its id, security headers, counters, log line.

Plain WSGI, so that it is the same for what Flask answers and for what is answered before it (:mod:`web.lane`).
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from web import request_counts
from web.http import rate_limits
from web.http.headers import REQUEST_ID, header, name_request, request_id
from web.http.reply import complete

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("web.access")

_REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
#: Ids of our own: random for each process, then counted, since random bytes for each request cost more than the rest.
_process: Final = [secrets.token_hex(5)]
_numbers: Final = itertools.count()
# The server imports this module once, and then forks its processes.
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, secrets.token_hex(5)))
#: Reads are many and tell little: only those that fail, or take at least this many seconds, are logged.
_SLOW_SECONDS: Final = 1.0


def identify(environ: MutableMapping[str, Any]) -> None:
    """Give a request its id: the client's, where it has sent a good one."""
    given = header(environ, REQUEST_ID)
    name_request(environ, given if _REQUEST_ID_FORM.fullmatch(given) else f"{_process[0]}{next(_numbers):08x}")


def headed(inner: WSGIApplication) -> WSGIApplication:
    """Add the headers that every answer carries. Here and not in a view's answer, where each costs ten times as much."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str,
            headers: list[tuple[str, str]],
            *more: Any,  # noqa: ANN401 - WSGI's, passed on
        ) -> Callable[[bytes], object]:
            return start_response(status, [*complete(headers), *own_headers(environ)], *more)

        return inner(environ, start)

    return serve


def own_headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The headers that are this request's own: what is left of the limits, and its id."""
    return [*rate_limits.headers(environ), (REQUEST_ID, request_id(environ))]


def account(
    environ: WSGIEnvironment,
    method: str,
    route: str,
    status: int,
    seconds: float,
    *,
    owner: str | None,
    job_id: str | None,
) -> None:
    """Count an answered request, and log it if it tells something."""
    request_counts.count(method, route, status, seconds)
    quiet = method in {"GET", "HEAD"} and status < 400 and seconds < _SLOW_SECONDS
    level = logging.DEBUG if quiet else logging.INFO
    if log.isEnabledFor(level):
        extra = {
            "request_id": request_id(environ),
            "owner": owner,
            "job_id": job_id,
            "milliseconds": round(seconds * 1000, 1),
        }
        log.log(level, "%s %s %d", method, route, status, extra=extra)
