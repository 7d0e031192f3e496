"""Requests exactly as a test writes them, byte by byte: no client library mends them on the way."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import Final

#: An answer is read up to here: a stream of events may go on for ever.
_READ_LIMIT: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0 where the server closed the connection without an answer."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def content_type(self) -> str:
        """Without parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0]


def request(method: str, path: str, headers: Mapping[str, str | None], body: bytes = b"") -> bytes:
    """The bytes of a request; a header that is None is left out."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def exchange(port: int, sent: bytes, *, seconds: float = 30.0) -> Reply:
    """Send bytes on a new connection and read the first answer.

    Args:
        port: Where a server listens on the loopback interface.
        sent: All of the request.
        seconds: How long the server may be silent.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        # A server may refuse a long body before it has read all of it.
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        answer = HTTPResponse(connection, method="GET")
        try:
            answer.begin()
            body = answer.read(_READ_LIMIT)
        except (HTTPException, ConnectionError):
            return Reply(0, HTTPMessage(), b"")
        return Reply(answer.status, answer.headers, body)
