"""Addresses of this machine at which nobody answers, each in its own way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

#: Nobody listens there.
REFUSED = "127.0.0.3"
REFUSED_6 = "::1"
#: The system refuses to connect to it, as it does where there is no way to an address. Nothing is sent.
NO_WAY = "255.255.255.255"
#: Somebody listens and takes no connection, within :func:`silent`.
SILENT = ("127.0.0.4", "127.0.0.5")


@contextmanager
def silent(port: int) -> Iterator[None]:
    """Let connections to :data:`SILENT` wait without an answer: their queues are full."""
    with ExitStack() as at_end:
        for address in SILENT:
            listener = at_end.enter_context(socket.socket())
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(4):
                waiting = at_end.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((address, port))
        yield
