"""How a large answer leaves: in places of which nobody can take all, and only to who reads it at a pace.

A client that reads a byte now and then would hold its connection, its greenlet and the answer itself for ever: each
piece of an answer has its time limit (``web/gunicorn_conf.py``), but nothing limits all of them together. Event streams
have places of their own (:mod:`web.streaming.pump`).
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Iterator
from typing import Final

from flask import Response, g
from prometheus_client import Gauge

from jobs import metrics
from web.http.problems import Problem
from web.http.slow_clients import SLOWEST_BYTES
from web.places import Places

#: For /metrics.
SENDING: Final = Gauge(metrics.SENDING.name, metrics.SENDING.help, multiprocess_mode="livesum")
#: The kernel takes what is smaller at once, or nearly so.
LARGE: Final = 256 << 10
#: Large answers of one process at once: those that are read off the disk, and those that lie in memory.
MOST_FILES: Final = 500
MOST_IN_MEMORY: Final = 100
_PIECE: Final = 64 << 10


class Sending:
    """The large answers that one process sends.

    Args:
        seconds: How long one may take, beyond a second for each :data:`SLOWEST_BYTES`.
        files: Most that are read off the disk, at once.
        in_memory: Most that lie in memory.
    """

    def __init__(self, seconds: float, files: int = MOST_FILES, in_memory: int = MOST_IN_MEMORY) -> None:
        self._seconds = seconds
        self._files = Places(files)
        self._in_memory = Places(in_memory)

    @property
    def taken(self) -> int:
        """The number of answers that are sent now."""
        return self._files.taken + self._in_memory.taken

    def bound(self, answer: Response) -> Response:
        """The answer with a place and a pace, if it is a large one.

        Raises:
            Problem: 429: there is no place for it.
        """
        if (answer.content_length or 0) < LARGE:
            return answer
        caller = g.get("caller")
        owner = caller.owner if caller is not None else None
        in_memory = isinstance(answer.response, list)
        places = self._in_memory if in_memory else self._files
        if not places.take(owner):
            answer.close()
            detail = "Too many large answers are being sent; try again later."
            raise Problem("rate_limited", detail, headers={"Retry-After": "2"})
        SENDING.inc()

        def give_back() -> None:
            places.give_back(owner)
            SENDING.dec()

        pieces = _pieces(answer.get_data()) if in_memory else answer.iter_encoded()
        answer.response = _Paced(answer, pieces, self._seconds)
        # Otherwise the server would close the file alone, and no place would be given back.
        answer.direct_passthrough = False
        answer.call_on_close(give_back)
        return answer


class _Paced:
    """A body that is given up where its client reads too slowly. Closing it closes what was there before."""

    def __init__(self, answer: Response, pieces: Iterable[bytes], seconds: float) -> None:
        self._pieces = pieces
        self._seconds = seconds
        self._close = getattr(answer.response, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        ends = time.monotonic() + self._seconds
        for piece in self._pieces:
            yield piece
            # It was taken from us: that is, most of it has left.
            ends += len(piece) / SLOWEST_BYTES
            if time.monotonic() > ends:
                # As if the client had gone: the server closes the connection, and says nothing of it.
                raise BrokenPipeError(errno.EPIPE, "the client reads too slowly")

    def close(self) -> None:
        self._close()


def _pieces(body: bytes) -> Iterator[bytes]:
    whole = memoryview(body)
    return (bytes(whole[start : start + _PIECE]) for start in range(0, len(whole), _PIECE))
