"""Repeated requests: the headers that mark them, and the answer to them."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from flask import Response, request

from jobs.idempotency import Idempotency
from jobs.record.constants import KEY_SECONDS, REPEAT_SECONDS
from web.http.auth import caller
from web.http.headers import header
from web.http.json_body import Json
from web.http.operation import Parameter
from web.http.problems import Problem
from web.services import services

KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description=(
        "Your own unique name for this request, 1 to 255 visible ASCII characters. If the same request comes again with"
        f" the same key within {KEY_SECONDS // 3600} hours, it makes nothing new: the answer shows what the first one"
        " made, in its current state. Another request with that key is refused."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    example="order-1234-cover",
)
REPEATS: Final = Parameter(
    name="X-Stainless-Retry-Count",
    place="header",
    description=(
        "Sent by SDKs. If it is above 0 and there is no `Idempotency-Key`, the request joins the job that the same body"
        f" made in the last {REPEAT_SECONDS // 60} minutes, unless that job failed, was canceled or was deleted."
    ),
    schema={"type": "string"},
    example="1",
)
REPLAYED: Final = "Idempotency-Replayed"

_KEY_FORM: Final = re.compile(r"[!-~]{1,255}")
_COUNT_FORM: Final = re.compile(r"0*[1-9][0-9]{0,5}")


def marks(body: Json | object) -> Idempotency:
    """The marks by which the current request is recognised when it is sent again.

    Args:
        body: The decoded body.

    Raises:
        Problem: 400: the idempotency key is malformed.
    """
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _KEY_FORM.fullmatch(key):
        raise Problem("invalid_input", "Idempotency-Key must be 1 to 255 visible ASCII characters.", status=400)
    return services().submissions.once(
        owner=caller().owner,
        route=f"{request.method} {request.url_rule}",
        path=request.path,
        body=msgspec.json.encode(body, order="sorted"),
        key=key,
        repeated=_COUNT_FORM.fullmatch(header(request, REPEATS.name)) is not None,
    )


def say_replayed(answer: Response) -> Response:
    """Add the header that says: an earlier request made this."""
    answer.headers[REPLAYED] = "true"
    return answer
