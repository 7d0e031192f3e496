"""Repeated requests: the headers that mark them, and the answer to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from flask import Response, request

from jobs.idempotency import Idempotency
from jobs.record.constants import KEY_SECONDS, REPEAT_SECONDS
from web.http.headers import IDEMPOTENCY_KEY, REPLAYED, RETRY_COUNT, is_retry
from web.http.operation import Parameter
from web.http.problems import Problem
from web.services import Asker, asker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY: Final = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    "Your own unique name for this request, 1 to 255 visible ASCII characters. If the same request comes again with"
    f" the same key within {KEY_SECONDS // 3600} hours, it makes nothing new: the answer shows what the first one"
    " made, in its current state. Another request with that key is refused.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    example="order-1234-cover",
)
REPEATS: Final = Parameter(
    RETRY_COUNT,
    "header",
    "Sent by SDKs. If it is above 0 and there is no `Idempotency-Key`, the request joins the job that the same body"
    f" made in the last {REPEAT_SECONDS // 60} minutes, unless that job failed, was canceled or was deleted.",
    schema={"type": "string"},
    example="1",
)
_KEY_FORM: Final = re.compile(r"[!-~]{1,255}")


def marks(body: object) -> Idempotency:
    """The marks by which the current request is recognised when it is sent again.

    Raises:
        Problem: 400: the idempotency key is malformed.
    """
    return marks_of(asker(), request.environ, f"{request.method} {request.url_rule}", request.path, body)


def marks_of(asker: Asker, environ: WSGIEnvironment, route: str, path: str, body: object) -> Idempotency:
    """The marks of a request to this route (its method, and its rule for addresses).

    Raises:
        Problem: 400: the idempotency key is malformed.
    """
    key = environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _KEY_FORM.fullmatch(key):
        raise Problem("invalid_input", "Idempotency-Key must be 1 to 255 visible ASCII characters.", status=400)
    return asker.services.submissions.once(
        owner=asker.caller.owner,
        route=route,
        path=path,
        body=msgspec.json.encode(body, order="sorted"),
        key=key,
        repeated=is_retry(environ),
    )


def say_replayed(answer: Response) -> Response:
    """Add the header that says: an earlier request made this."""
    answer.headers[REPLAYED] = "true"
    return answer
