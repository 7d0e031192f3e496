"""How full Redis is. New jobs are refused while there is still room for those that were accepted to come to their end.

A server that is full refuses every message to a worker. So a service that took jobs until then could run none of them,
and would never have room again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis

from jobs.errors import StoreFull
from jobs.record.outages import available

#: The share of ``maxmemory`` from which on no new jobs and files are taken.
ADMIT_SHARE: Final = 0.9
#: The share from which on the operator is warned.
WARN_SHARE: Final = 0.8
#: Seconds after which the server is asked again at the latest, and at the earliest.
_LONGEST: Final = 1.0
_SHORTEST: Final = 0.02
#: Bytes a second that one process may write, to ask again before the room is used up.
_BYTES_A_SECOND: Final = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """The bytes that Redis uses, as ``maxmemory`` counts them, that limit (None: none is known), and its policy."""

    used: int = 0
    limit: int | None = None
    policy: str = ""

    @property
    def share(self) -> float:
        """How much of the limit is used; 0 where there is none."""
        return 0.0 if self.limit is None else self.used / self.limit

    @property
    def drops_keys(self) -> bool:
        """Whether Redis would rather delete jobs than refuse writes."""
        return self.limit is not None and self.policy not in {"", "noeviction"}


class Memory:
    """The memory of a server. Safe to use from any thread.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._found = Fill()
        self._ask_at = -_LONGEST

    def look(self) -> Fill:
        """How full it is now."""
        with available():
            try:
                return _fill(self._client.info("memory"))
            except redis.ResponseError as error:
                # A user of Redis may lack the permission, and other servers the command: then nothing is known.
                if isinstance(error, redis.exceptions.NoPermissionError) or "unknown command" in str(error):
                    return Fill()
                raise

    def check_room(self) -> None:
        """Refuse what is new while too little is left; asks the server about once a second, more often near the limit.

        Raises:
            StoreFull: Too little is left.
        """
        with self._lock:
            if self._clock() >= self._ask_at:
                self._found = self.look()
                left = (ADMIT_SHARE - self._found.share) * (self._found.limit or 0)
                pause = _LONGEST if self._found.limit is None else left / _BYTES_A_SECOND
                self._ask_at = self._clock() + min(_LONGEST, max(_SHORTEST, pause))
            found = self._found
        if found.share >= ADMIT_SHARE:
            raise StoreFull(f"the job store takes nothing new: {found.share:.0%} of its memory is used")


def _fill(info: Mapping[str, Any]) -> Fill:
    """From the answer to INFO."""
    used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
    return Fill(
        used=max(0, used), limit=int(info.get("maxmemory", 0)) or None, policy=str(info.get("maxmemory_policy", ""))
    )
