"""The system's resolver, with a time limit of our own: it has none that anybody could rely on."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from resilience import aside

#: Seconds for one step of a connection: looking the host up, connecting (to whichever address), and each read.
STEP_SECONDS: Final = 10.0

#: Gives all IP addresses of a host and port.
Resolve = Callable[[str, int], list[str]]


def resolve(
    host: str, port: int, seconds: float = STEP_SECONDS, look_up: Callable[..., Any] = socket.getaddrinfo
) -> list[str]:
    """All IP addresses of a host.

    Args:
        host: Its name, or an address.
        port: The port that is asked for.
        seconds: After which a resolver that does not answer is left to itself.
        look_up: The system's resolver; replaced in tests.

    Raises:
        TimeoutError: There is no answer.
        OSError: There is no such host.
        NoThread: The process has no thread for it.
        UnicodeError: It is no name of a host.
    """

    def look() -> list[str]:
        return [str(row[4][0]) for row in look_up(host, port, type=socket.SOCK_STREAM)]

    with suppress(ValueError):
        # Nothing to ask for.
        return [str(ipaddress.ip_address(host))]
    return aside("resolve", look).result(seconds)
