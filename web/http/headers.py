"""Headers of a request, read cheaply, and the id that it has."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

from flask import Request

#: The header with the id of a request, in it and in its answer.
REQUEST_ID: Final = "X-Request-Id"
_KEPT_AS: Final = "darkroom.request_id"


def header(asked: Request, name: str) -> str:
    """A header's value; empty where it is not there.

    Werkzeug's own look-up raises and catches an exception for each header that is missing, which costs 10 µs: with
    the five that are looked at on every poll, a tenth of the whole request.
    """
    value: str = asked.environ.get(_variable(name), "")
    return value


@lru_cache(maxsize=64)
def _variable(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def name_request(environ: MutableMapping[str, Any], name: str) -> None:
    """Give a request its id."""
    environ[_KEPT_AS] = name


def request_id(environ: Mapping[str, Any]) -> str:
    """The id of a request; empty before it has one."""
    name: str = environ.get(_KEPT_AS, "")
    return name
