"""A client's session: its jobs of which it was not told the end yet. All web processes know it, and only its own key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from jobs.record import keys
from jobs.record.outages import available
from web.http.problems import Problem
from web.services import caller, services

_SECONDS: Final = 86_400
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the current caller at one app. Every method raises ``StoreUnavailable`` while Redis cannot serve.

    Raises:
        Problem: 400: ``mark``, the client's own name of it, is no short text.
    """

    app: str
    mark: str
    _key: str = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.mark) <= _LONGEST or not self.mark.isprintable():
            raise Problem("invalid_input", f"session_hash must have 1 to {_LONGEST} characters.", status=400)
        digest = hashlib.sha256(f"{self.app}\n{self.mark}".encode()).hexdigest()[:32]
        object.__setattr__(self, "_key", keys.gradio_session(caller().owner, digest))

    def add(self, job_id: str, fn_index: int) -> None:
        """A job was submitted."""
        with available():
            pipe = services().connection.redis.pipeline(transaction=True)
            pipe.hset(self._key, job_id, str(fn_index))
            pipe.expire(self._key, _SECONDS)
            pipe.execute()

    def jobs(self) -> dict[str, int]:
        """Its jobs, by their ids, with the number of the function of each."""
        with available():
            found = services().connection.redis.hgetall(self._key)
        return {job_id.decode(): int(number) for job_id, number in found.items()}

    def told(self, job_id: str) -> None:
        """The client was told how a job ended."""
        with available():
            services().connection.redis.hdel(self._key, job_id)
