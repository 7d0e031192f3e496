"""Answers with a resource as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from flask import Response

#: A client may keep the answer, but asks each time whether it still holds.
PRIVATE: Final = {"Cache-Control": "private, no-cache"}
#: Nothing on the way keeps the answer: it holds a secret, or is asked for to see what is so now.
NO_STORE: Final = {"Cache-Control": "no-store"}

_encode: Final = msgspec.json.Encoder().encode


def json_response(
    resource: msgspec.Struct,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response:
    """A resource as an answer."""
    return Response(_encode(resource), status, headers, content_type=content_type)
