"""A proxy in front of a Redis server that answers every command with an error, as long as a test wants it to.

Most of what a server can refuse with cannot be had from a real one on demand.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final, Self

_CHUNK: Final = 64 << 10


class RefusingProxy:
    """Passes commands on to a server, or answers them itself. Use it in a ``with`` statement.

    Args:
        port: Of the server, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._answer: bytes | None = None
        self._sockets: set[socket.socket] = set()
        #: Commands that were refused.
        self.refused = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="refusing-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in tuple(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def refuse(self, error: str) -> None:
        """Answer each command with this error, until :meth:`heal`."""
        self._answer = f"-{error}\r\n".encode()

    def heal(self) -> None:
        """Pass everything on again."""
        self._answer = None

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, contextlib.suppress(OSError):
            ends = {client, server}
            self._sockets |= ends
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            self._forward(client, server)
            server.shutdown(socket.SHUT_RDWR)
            back.join()
            self._sockets -= ends

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Pass whole commands on, or answer them. A transaction that the server has begun goes on there."""
        buffer, in_transaction = b"", False
        while piece := client.recv(_CHUNK):
            commands, buffer = _split(buffer + piece)
            for name, command in commands:
                answer = self._answer
                if answer is None or in_transaction:
                    server.sendall(command)
                    in_transaction = name not in {b"EXEC", b"DISCARD"} and (in_transaction or name == b"MULTI")
                else:
                    self.refused += 1
                    client.sendall(answer)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_CHUNK):
            target.sendall(piece)


def _split(buffer: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The whole commands at the start of some bytes, each with its name, and what is left."""
    found, start = [], 0
    while (end := _end_of(buffer, start)) is not None:
        found.append((buffer[start:end].split(b"\r\n", 3)[2].upper(), buffer[start:end]))
        start = end
    return found, buffer[start:]


def _end_of(buffer: bytes, start: int) -> int | None:
    """Where the command that begins here ends; None: not in these bytes."""
    line = buffer.find(b"\r\n", start)
    if line < 0:
        return None
    at = line + 2
    for _ in range(int(buffer[start + 1 : line])):
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return None
        at = line + 2 + int(buffer[at + 1 : line]) + 2
    return at if at <= len(buffer) else None
