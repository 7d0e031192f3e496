"""Where clients put their key: each kind in a header of its own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from web.http.headers import header


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How the clients of a route send their key.

    Args:
        read: The key of a request, from its WSGI environment; empty if it has none.
        scheme: What ``WWW-Authenticate`` asks for.
        advice: What a client without a valid key is told.
    """

    read: Callable[[Mapping[str, Any]], str]
    scheme: str
    advice: str


def bearer_in(environ: Mapping[str, Any], name: str = "Authorization") -> str:
    """The token of a header with the scheme ``Bearer`` (RFC 6750); empty if there is none."""
    kind, _, token = header(environ, name).partition(" ")
    return token if kind.lower() == "bearer" else ""


def password_in(environ: Mapping[str, Any]) -> str:
    """The password of the scheme ``Basic`` (RFC 7617), with any name of a user; empty if there is none."""
    kind, _, coded = header(environ, "Authorization").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        _, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password


BEARER: Final = Credential(read=bearer_in, scheme="Bearer", advice="Send a valid key: Authorization: Bearer dk_live_…")
