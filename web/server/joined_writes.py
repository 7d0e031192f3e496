"""An answer leaves in one piece: gunicorn writes its headers and its body one by one.

Each write is a call of the system here, and a packet that wakes the client.
"""

from __future__ import annotations

from contextlib import suppress
from socket import socket
from typing import Any, Final

#: What is longer is a body already, or goes with one that is long: it is not copied to be joined.
_HELD_BYTES: Final = 8 << 10


class JoinedWrites:
    """A connection that holds back the first write of an answer, and sends it together with the next."""

    __slots__ = ("_began", "_connection", "_held")

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._held: bytes | None = None
        self._began = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._connection, name)

    def sendall(self, data: bytes) -> None:
        """Send, but for the first piece, which waits for the second."""
        if not self._began and len(data) <= _HELD_BYTES:
            self._began, self._held = True, data
            return
        held, self._held = self._held or b"", None
        if len(data) <= _HELD_BYTES:
            self._send(held + data)
            return
        if held:
            self._send(held)
        self._send(data)

    def sendfile(self, *given: Any, **named: Any) -> int:  # noqa: ANN401 - see __getattr__
        """Send a file, after what is held back."""
        self.flush()
        return self._connection.sendfile(*given, **named)

    def shutdown(self, how: int) -> None:
        """Close the connection, after what is held back: the answer broke off after its headers."""
        with suppress(OSError):
            self.flush()
        self._connection.shutdown(how)

    def flush(self) -> None:
        """Send what is held back: an answer without a body."""
        held, self._held = self._held, None
        if held:
            self._send(held)

    def _send(self, data: bytes) -> None:
        """The kernel mostly takes all at once; gevent's ``sendall`` asks it first how much that may be."""
        sent = self._connection.send(data)
        if sent < len(data):
            self._connection.sendall(memoryview(data)[sent:])
