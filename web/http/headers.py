"""Headers of a request, read cheaply, its connection, and the id that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from socket import socket
from typing import Any, Final

#: The header with the id of a request, in it and in its answer.
REQUEST_ID: Final = "X-Request-Id"
_KEPT_AS: Final = "darkroom.request_id"


def header(environ: Mapping[str, Any], name: str) -> str:
    """The value of a request's header; empty where it is not there.

    Werkzeug's own look-up raises and catches an exception for each header that is missing, which costs 10 µs: with
    the five that are looked at on every poll, a tenth of the whole request.
    """
    value: str = environ.get(_variable(name), "")
    return value


@lru_cache(maxsize=64)
def _variable(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


#: The client's own name for a request, the same when it is sent again.
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
#: In an answer: an earlier request made what it shows.
REPLAYED: Final = "Idempotency-Replayed"
#: SDKs count in it how often they have sent a request before.
RETRY_COUNT: Final = "X-Stainless-Retry-Count"
_COUNT_FORM: Final = re.compile(r"0*[1-9][0-9]{0,5}")


def is_retry(environ: Mapping[str, Any]) -> bool:
    """Whether an SDK says that it has sent the request before."""
    return _COUNT_FORM.fullmatch(header(environ, RETRY_COUNT)) is not None


def may_be_repeated(environ: Mapping[str, Any]) -> bool:
    """Whether a request may have been sent before. A limit of what is made may refuse it only once that is known."""
    return _variable(IDEMPOTENCY_KEY) in environ or is_retry(environ)


def name_request(environ: MutableMapping[str, Any], name: str) -> None:
    """Give a request its id."""
    environ[_KEPT_AS] = name


def connection_of(environ: Mapping[str, Any]) -> socket | None:
    """The connection that a request came on; None where the server does not tell it."""
    connection: socket | None = environ.get("gunicorn.socket")
    return connection


def request_id(environ: Mapping[str, Any]) -> str:
    """The id of a request; empty before it has one."""
    name: str = environ.get(_KEPT_AS, "")
    return name
