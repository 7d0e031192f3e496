"""This installation's Redis, for commands that must work while the service is not running."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis

from cli.stack import redis_server, runtime
from jobs.record.connection import Connection
from settings import Settings


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A connection to this installation's Redis. If the embedded server is not running, it runs during the block.

    Raises:
        InUse: The embedded server belongs to a service that is just starting or stopping.
        NoRedis: There is no server program.
    """
    running = runtime.read(settings.runtime_file)
    url = settings.redis_url or (running.redis_url if running else "")
    with contextlib.ExitStack() as stack:
        if not url:
            stack.enter_context(runtime.lock(settings.data_dir))
            server = redis_server.prepare(settings.data_dir)
            stack.enter_context(server.running())
            url = server.url
        yield Connection(stack.enter_context(contextlib.closing(redis.Redis.from_url(url, socket_timeout=5))))
