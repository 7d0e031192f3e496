"""The client of redis-py: a timeout on everything, and one error for a server that cannot serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.errors import StoreUnavailable

#: First words of answers that mean "not now".
_UNAVAILABLE: Final = frozenset(
    {"OOM", "READONLY", "MISCONF", "LOADING", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "UNBLOCKED"}
)


def connect(url: str, *, connections: int = 64, **options: Any) -> redis.Redis:  # noqa: ANN401 - redis-py's own options
    """Connect with a timeout on everything, so that a half-open connection cannot hang a process.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        connections: Most sockets at once, for any number of threads; a thread that finds none free waits for one.
        **options: For redis-py's connection pool.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=10.0,
        socket_timeout=5.0,
        socket_connect_timeout=5.0,
        socket_keepalive=True,
        health_check_interval=15,
        # Once more at once: a pooled connection may have died unnoticed. Longer outages are the caller's business.
        retry=Retry(NoBackoff(), 1),
        **options,
    )
    return redis.Redis.from_pool(pool)


@contextmanager
def available() -> Iterator[None]:
    """Raise :class:`jobs.errors.StoreUnavailable` for every way in which Redis says that it cannot serve."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError) as error:
        raise StoreUnavailable(f"the job store is not available ({type(error).__name__})") from error
    except redis.ResponseError as error:
        # Inside a script, and for MISCONF everywhere, these come as plain texts. UNBLOCKED ends a blocking read when
        # the server becomes a replica: without it a failover stopped the heartbeat of every worker (seen under test).
        word = str(error).split(" ", 1)[0]
        if word in _UNAVAILABLE:
            raise StoreUnavailable(f"the job store takes no writes ({word})") from error
        raise
