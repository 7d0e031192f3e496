"""How a request's body arrives: in time, and framed so that no two readers can read it differently.

A client that sends one byte now and then would hold its place in the server for ever, and gunicorn bounds only the time
of a request's head. What is raised in here closes the connection: where the next request begins is unknown.
"""

from __future__ import annotations

import time
from typing import Any, Final

import gevent
from gunicorn.http.errors import NoMoreData, ParseException

from web.http.problems import Problem

#: Who sends so many bytes a second gets all the time that the body needs.
SLOWEST_BYTES: Final = 16 << 10


class SlowClientGuard:
    """A reader of gunicorn's with a deadline.

    Args:
        reader: What reads the body off the connection.
        seconds: How long the body may take, beyond a second for each :data:`SLOWEST_BYTES`.
    """

    def __init__(self, reader: Any, seconds: float) -> None:  # noqa: ANN401 - gunicorn is untyped
        self._reader = reader
        self._seconds = seconds
        self._ends = 0.0

    def read(self, size: int) -> bytes:
        """At most so many bytes.

        Raises:
            Problem: 400 where the body's frame is broken, 408 where it does not come in time.
        """
        # The clock starts with the first read: the application may have waited before.
        self._ends = self._ends or time.monotonic() + self._seconds
        late = Problem("too_slow", "The body did not arrive in time; send it again.")
        left = self._ends - time.monotonic() + 1
        try:
            with gevent.Timeout(max(left, 0.001), late):
                data: bytes = self._reader.read(min(size, SLOWEST_BYTES))
        except (ParseException, NoMoreData):
            raise Problem("invalid_input", "The body is not framed as its headers say.", status=400) from None
        self._ends += len(data) / SLOWEST_BYTES
        return data
