"""Clients that close their connection while they wait for an answer.

A server that waits for news learns of it only when it writes, which may be a minute later: until then a client that
opens and drops waits would keep the place of each. So all connections with a wait are looked at once a second.
"""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Callable
from socket import socket
from typing import Final

from gevent import monkey

from resilience import Rounds

log = logging.getLogger(__name__)

#: Of a connection that the client has closed, or half of it: who sends no more also waits no more. Linux tells even
#: where the client has sent more before it left; elsewhere POLLHUP does, which needs not be asked for.
_CLOSED: Final = getattr(select, "POLLRDHUP", 0)
#: gevent's own would give way to other greenlets, and know nothing of POLLRDHUP. This one never waits.
_poll_object: Final = monkey.get_original("select", "poll")


class HangUps:
    """Tells who waits for whom that the client has hung up. Its thread starts with the first connection.

    Args:
        seconds: Between two looks.
        count: Counts an unforeseen error, by the thread's name.
    """

    def __init__(self, seconds: float = 1.0, count: Callable[[str], object] = lambda _: None) -> None:
        self._poll = _poll_object()
        self._tell: dict[int, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        what = "clients that hang up keep their places"
        self._rounds = Rounds(log, "hang-ups", self._look, self._closed, what=what, seconds=seconds, count=count)

    def add(self, connection: socket, tell: Callable[[], None]) -> int:
        """Look after an open connection until :meth:`remove`; ``tell`` is called once, when its client has hung up.

        Raises:
            NoThread: There is no thread for it; nothing was added.
        """
        if self._thread is None:
            self._thread = self._rounds.start()
        descriptor = connection.fileno()
        self._poll.register(descriptor, _CLOSED)
        self._tell[descriptor] = tell
        return descriptor

    def remove(self, descriptor: int) -> None:
        """Look no more after the connection that :meth:`add` gave this number; repeating it does nothing."""
        if self._tell.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _look(self) -> None:
        for descriptor, _ in self._poll.poll(0) if self._tell else ():
            tell = self._tell.get(descriptor)
            self.remove(descriptor)
            if tell is not None:
                tell()
