"""Hold jobs back: those of one provider, or all. What runs goes on; what waits says that it is paused."""

from __future__ import annotations

import redis

from jobs import keys
from jobs.redis_store import available


class Pauses:
    """The pauses of this installation, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def pause(self, provider: str | None = None) -> None:
        """Send nothing to this provider (to any worker where None) until :meth:`resume`."""
        with available():
            if provider is None:
                self._redis.set(keys.PAUSED, b"1")
            else:
                self._redis.hset(keys.provider(provider), "paused", "1")

    def resume(self, provider: str | None = None) -> bool:
        """Go on; False where there was no such pause. The scheduler sends what waits within a second."""
        with available():
            if provider is None:
                return bool(self._redis.delete(keys.PAUSED))
            return bool(self._redis.hdel(keys.provider(provider), "paused"))
