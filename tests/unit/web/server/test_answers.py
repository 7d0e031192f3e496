"""The headers that are not checked for each answer would pass the check, and all others are checked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.wsgi import Response

from web.http.reply import CONSTANT_HEADERS
from web.server.answers import Answer


def made(kind: type[Response], headers: list[tuple[str, str]]) -> Any:
    request: Any = SimpleNamespace(version=(1, 1), method="GET", should_close=lambda: False)
    answer = kind(request, None, SimpleNamespace(protocol="http"))
    answer.start_response("200 OK", headers)
    return answer


@pytest.mark.parametrize(
    "headers",
    [
        [*CONSTANT_HEADERS],
        [*CONSTANT_HEADERS, ("Content-Length", "3"), ("ETag", " x ")],
        [("Connection", "close"), ("Cache-Control", "no-store"), ("Transfer-Encoding", "chunked")],
        [],
    ],
)
def test_the_answer_is_gunicorns(headers: list[tuple[str, str]]) -> None:
    ours, theirs = made(Answer, headers), made(Response, headers)
    assert (ours.headers, ours.response_length, ours.chunked) == (
        theirs.headers,
        theirs.response_length,
        theirs.chunked,
    )


@pytest.mark.parametrize(
    ("pair", "error"),
    [
        (("Cache-Control", "no-store\r\nX: y"), InvalidResponseHeader),
        (("Cache-Control\r\nX", "no-store"), InvalidResponseHeaderName),
        (("X", 3), TypeError),
    ],
)
def test_what_is_not_well_formed_is_refused(pair: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        made(Answer, [CONSTANT_HEADERS[0], pair])
