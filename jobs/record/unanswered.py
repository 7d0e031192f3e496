"""Requests whose clients stay connected for the result: one that lost its connection and asks again joins its job.

Some clients send a request again without saying so. The same request twice, on purpose, makes two jobs; so it joins a job
only where that one's client is gone without the answer: it hung up, or its web process died.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from jobs.idempotency import Idempotency
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available

#: Seconds for which a web process counts as alive after its last sign of life.
LIFE_SECONDS: Final = 10


class Unanswered:
    """The open requests of one web process.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._host = socket.gethostname()

    @property
    def server(self) -> str:
        """The name of this process among the web processes."""
        return f"{self._host}/{os.getpid()}"

    def join(self, marks: Idempotency) -> str | None:
        """The id of a job that the same request made, and whose client is gone without the answer; now it is ours."""
        found = self._connection.run("join", marks.fingerprint, self.server)
        return found.decode() if isinstance(found, bytes) else None

    def abandon(self, marks: Idempotency, job_id: str) -> None:
        """The client of a request has hung up without the answer."""
        self._connection.run("abandon", marks.fingerprint, job_id)

    def answered(self, marks: Idempotency, job_id: str) -> None:
        """The client of a request got its answer."""
        with available():
            self._connection.redis.hdel(keys.unanswered(marks.fingerprint), job_id)

    def beat(self) -> None:
        """Give a sign of life of this process; to be called about once a second."""
        until = keys.ms(self._connection.now() + LIFE_SECONDS)
        with available():
            self._connection.redis.hset(keys.SERVERS, self.server, until)

    def bury(self) -> None:
        """Forget the processes of this machine that have died, and this one's name if one before had it."""
        with available():
            names = [name.decode() for name in self._connection.redis.hkeys(keys.SERVERS)]
            gone = [name for name in names if name == self.server or self._has_died(name)]
            if gone:
                self._connection.redis.hdel(keys.SERVERS, *gone)

    def _has_died(self, name: str) -> bool:
        host, _, number = name.rpartition("/")
        if host != self._host or not number.isdecimal():
            return False
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False  # it is another user's
        return False
