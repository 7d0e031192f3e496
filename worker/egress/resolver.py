"""The system's resolver, with a time limit of our own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from resilience import settle

#: Seconds for one step of a connection: looking the host up, connecting, and each read.
STEP_SECONDS: Final = 10.0

#: Gives all IP addresses of a host and port.
Resolve = Callable[[str, int], list[str]]


def resolve(
    host: str, port: int, seconds: float = STEP_SECONDS, look_up: Callable[..., Any] = socket.getaddrinfo
) -> list[str]:
    """All IP addresses of a host.

    Args:
        host: Its name.
        port: The port that is asked for.
        seconds: After which a resolver that does not answer is left to itself; it has no time limit of its own.
        look_up: The system's resolver; replaced in tests.

    Raises:
        OSError: There is no such host, or no answer.
        UnicodeError: It is no name of a host.
    """
    found: Future[list[str]] = Future()

    def look() -> list[str]:
        return [str(row[4][0]) for row in look_up(host, port, type=socket.SOCK_STREAM)]

    threading.Thread(target=settle, args=(found, look), name="resolve", daemon=True).start()
    return found.result(seconds)
