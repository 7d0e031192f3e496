"""This installation's Redis, for commands that must work while the service is not running."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis

from cli.errors import CannotStart, CommandError
from cli.stack import redis_server, runtime
from jobs.errors import StoreUnavailable
from jobs.record.connection import Connection
from settings import Settings


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A connection to this installation's Redis. If the embedded server is not running, it runs during the block.

    Raises:
        InUse: The embedded server belongs to a service that is just starting or stopping.
        NoRedis: There is no server program.
        CommandError: Redis cannot serve now.
        CannotStart: DARKROOM_REDIS_URL is not the URL of a server.
    """
    running = runtime.read(settings.runtime_file)
    url = settings.redis_url or (running.redis_url if running else "")
    with contextlib.ExitStack() as stack:
        if not url:
            stack.enter_context(runtime.lock(settings.data_dir))
            server = redis_server.prepare(settings.data_dir)
            stack.enter_context(server.running())
            url = server.url
        try:
            client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        except ValueError as error:
            raise CannotStart(f"DARKROOM_REDIS_URL: {error}") from error
        stack.enter_context(contextlib.closing(client))
        try:
            yield Connection(client)
        except StoreUnavailable as error:
            raise CommandError(str(error)) from error
