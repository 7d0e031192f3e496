"""The plain status poll, answered in the lane before Flask (:mod:`web.lane`)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from jobs import ids
from jobs.resources.base import job_path
from web.http import envelope
from web.http.reply import Reply
from web.lane import Begun
from web.v1.job_answers import polled

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from web.services import Services

#: The path below ``/v1``, as Flask's route names it.
ROUTE: Final = "/jobs/<job:job_id>"

_PATH: Final = re.compile(job_path(f"({ids.JOB})"))
#: A request with one of these is not plain: it waits, comes from a browser's page, tries two credentials, or has a body.
_NOT_PLAIN: Final = frozenset(
    {
        "HTTP_PREFER", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE", "HTTP_X_API_KEY",
        "HTTP_TRANSFER_ENCODING",
    }
)  # fmt: skip


class Polls:
    """Answers ``GET`` and ``HEAD`` of one job."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def answer(self, environ: WSGIEnvironment, begun: Begun) -> Reply | None:
        """The answer to a plain poll; None: it is not plain.

        Raises:
            Problem: The caller may not ask, or asks too often.
            JobNotFound: It has no such job.
            JobGone: The job was deleted.
            StoreUnavailable: Redis cannot serve.
        """
        path = _PATH.fullmatch(environ["PATH_INFO"])
        if path is None or not _is_plain(environ):
            return None
        services, job_id = self._services, path[1]
        envelope.identify(environ)
        services.gate.check_host(environ)
        begun.caller = caller = services.gate.caller(environ, "read")
        services.rate_limiter.admit(environ, "read", caller.owner, caller.limits)
        reply = polled(services, caller.owner, job_id, environ)
        method = environ["REQUEST_METHOD"]
        envelope.account(
            environ, method, f"/v1{ROUTE}", reply.status, time.perf_counter() - begun.started,
            owner=caller.owner, job_id=job_id,
        )  # fmt: skip
        return reply if method == "GET" else reply._replace(body=b"")


def _is_plain(environ: WSGIEnvironment) -> bool:
    return (
        not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and environ.get("CONTENT_LENGTH") in {None, "", "0"}
        and _NOT_PLAIN.isdisjoint(environ)
    )
