"""On the PYTHONPATH of a process under test: logs where it connects to, and which names it looks up."""

from __future__ import annotations

import os
import sys
from typing import Any

_LOG = os.open(os.environ["DARKROOM_TEST_SOCKET_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _write_down(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        os.write(_LOG, f"connect {arguments[1]!r}\n".encode())
    elif event == "socket.getaddrinfo":
        os.write(_LOG, f"look-up {arguments[0]!r}\n".encode())


sys.addaudithook(_write_down)
