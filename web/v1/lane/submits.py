"""The plain submission, answered in the lane before Flask (:mod:`web.lane`), in one round trip to Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from werkzeug.wsgi import get_input_stream

from jobs.access.rates import Charge
from jobs.record.types import Accepted
from jobs.resources.base import Links
from web.http import envelope
from web.http.headers import may_be_repeated
from web.http.json_body import parse
from web.http.reply import Reply
from web.lane import Begun
from web.services import Asker
from web.v1.accept import as_accepted, name_after
from web.v1.idempotency import marks_of
from web.v1.permit import permit
from web.v1.schemas.jobs import JOB_REQUEST

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from web.services import Services

_PATH: Final = "/v1/jobs"
#: The longest body in bytes that is read before its request is counted.
_LONGEST: Final = 64 << 10
#: A request with one of these is not plain: it waits, comes from a browser's page, tries two credentials, or its body
#: is coded or of unknown length.
_NOT_PLAIN: Final = frozenset(
    {
        "HTTP_PREFER", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE", "HTTP_X_API_KEY",
        "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING",
    }
)  # fmt: skip


class Submits:
    """Answers ``POST`` of one job."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def answer(self, environ: WSGIEnvironment, begun: Begun) -> Reply | None:
        """The answer to a plain submission; None: it is not plain.

        Raises what the view raises. The request is counted in the step that writes the job, and where it fails before,
        at once: who may not submit now is told that and nothing else.
        """
        if environ["PATH_INFO"] != _PATH or not _is_plain(environ):
            return None
        services = self._services
        envelope.identify(environ)
        services.gate.check_host(environ)
        caller = services.gate.caller(environ, "submit")
        charge = services.rate_limiter.due(environ, caller.owner, caller.limits)
        if charge is None:
            return None
        begun.caller = caller
        asker = Asker(services, caller, Links(services.base(environ)))
        with services.rate_limiter.counting(environ, charge):
            accepted = _accepted(asker, environ, charge)
        name_after(environ, accepted)
        document = services.documents.of(as_accepted(asker, accepted), asker.links.base)
        envelope.account(
            environ, "POST", _PATH, 202, time.perf_counter() - begun.started, owner=caller.owner, job_id=None
        )
        return Reply(202, [*document.headers, ("Location", asker.links.job(accepted.record.job.id))], document.body)


def _accepted(asker: Asker, environ: WSGIEnvironment, charge: Charge) -> Accepted:
    body = parse(get_input_stream(environ).read())
    marks = marks_of(asker, environ, f"POST {_PATH}", _PATH, body)
    return asker.services.submissions.accept(permit(asker, JOB_REQUEST.read(body)), marks, charge)


def _is_plain(environ: WSGIEnvironment) -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and environ.get("CONTENT_TYPE") == "application/json"
        and length.isdecimal()
        and 0 < int(length) <= _LONGEST
        and _NOT_PLAIN.isdisjoint(environ)
        and not may_be_repeated(environ)
    )
