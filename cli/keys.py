"""``darkroom keys``: straight on this installation's Redis, since the first key cannot come through the API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import redis

from cli import redis_server, runtime
from jobs.apikeys import SCOPES, KeyStore, Scope
from settings import Settings, SettingsError


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[redis.Redis]:
    """A client of this installation's Redis, also while the service is not running.

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
        yield stack.enter_context(contextlib.closing(redis.Redis.from_url(url, socket_timeout=5)))


def create(settings: Settings, name: str, scopes: tuple[str, ...] = ()) -> str:
    """Make a key and give it; it cannot be seen again.

    Raises:
        SettingsError: A scope is unknown.
    """
    if unknown := set(scopes) - set(SCOPES):
        raise SettingsError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    with connected(settings) as client:
        _, key = KeyStore(client).create(name, cast("tuple[Scope, ...]", scopes) or SCOPES)
    return key


def rows(settings: Settings) -> list[tuple[str, ...]]:
    """All keys: id, name, last characters, scopes, when made, when revoked."""
    with connected(settings) as client:
        records = KeyStore(client).list()
    return [
        (
            r.id,
            r.name,
            f"…{r.hint}",
            " ".join(r.scopes),
            _time(r.created_at),
            _time(r.revoked_at) if r.revoked_at else "",
        )
        for r in records
    ]


def revoke(settings: Settings, key_id: str) -> bool:
    """End a key; False where no valid one has this id."""
    with connected(settings) as client:
        return KeyStore(client).revoke(key_id)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
