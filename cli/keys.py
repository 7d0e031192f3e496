"""``darkroom keys``: straight on this installation's Redis, since the first key cannot come through the API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import redis

from cli import redis_server, runtime
from jobs.access.api_keys import SCOPES, ApiKey, ApiKeyStore, Scope
from jobs.limits import NAMES, OwnLimit
from jobs.record.connection import Connection
from settings import Settings, SettingsError


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """A connection to this installation's Redis, also while the service is not running.

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


def create(settings: Settings, name: str, scopes: tuple[str, ...] = (), limits: tuple[str, ...] = ()) -> str:
    """Make a key and give it; it cannot be seen again.

    Raises:
        SettingsError: A scope or a limit is unknown.
    """
    own = {field: limit for field, limit in _limits(limits).items() if limit is not None}
    with connected(settings) as connection:
        _, key = ApiKeyStore(connection).create(name, _scopes(scopes) or None, own)
    return key


def rows(settings: Settings) -> list[tuple[str, ...]]:
    """All keys: id, name, last characters, scopes, own limits, when made, what became of it."""
    with connected(settings) as connection:
        records, now = ApiKeyStore(connection).list(), connection.now()
    return [
        (
            record.id,
            record.name,
            f"…{record.hint}",
            " ".join(record.scopes),
            " ".join(f"{field}={limit}" for field, limit in sorted(record.limits.items())),
            _time(record.created_at),
            _fate(record, now),
        )
        for record in records
    ]


def change(settings: Settings, key_id: str, name: str | None, scopes: tuple[str, ...], limits: tuple[str, ...]) -> bool:
    """Change what is given; False where no valid key has this id.

    Raises:
        SettingsError: A scope or a limit is unknown.
    """
    given = _scopes(scopes)
    with connected(settings) as connection:
        found = ApiKeyStore(connection).change(key_id, name=name, scopes=given or None, limits=_limits(limits))
    return found is not None


def rotate(settings: Settings, key_id: str, overlap_seconds: float) -> str | None:
    """Give a key a new secret, and show it once; None where no valid key has this id."""
    with connected(settings) as connection:
        found = ApiKeyStore(connection).rotate(key_id, overlap_seconds)
    return None if found is None else found[1]


def revoke(settings: Settings, key_id: str) -> bool:
    """End a key; False where no valid one has this id."""
    with connected(settings) as connection:
        return ApiKeyStore(connection).revoke(key_id)


def reopen(settings: Settings) -> bool:
    """Let this machine use the API without a key; False where a key is valid."""
    with connected(settings) as connection:
        return ApiKeyStore(connection).reopen()


def _scopes(given: tuple[str, ...]) -> tuple[Scope, ...]:
    if unknown := set(given) - set(SCOPES):
        raise SettingsError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    return cast("tuple[Scope, ...]", given)


def _limits(given: tuple[str, ...]) -> dict[str, OwnLimit | None]:
    """``name=number``, ``name=none`` (no limit) or ``name=default`` (as everybody)."""
    found: dict[str, OwnLimit | None] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in NAMES:
            raise SettingsError(f"there is no limit {name}; there are {', '.join(NAMES)}")
        if value not in {"none", "default"} and not (value.isdigit() and int(value) > 0):
            raise SettingsError(f"{text}: give {name}= with a whole number of at least 1, none or default")
        found[name] = None if value == "default" else "none" if value == "none" else int(value)
    return found


def _fate(record: ApiKey, now: float) -> str:
    if record.revoked_at is not None:
        return f"revoked {_time(record.revoked_at)}"
    still = [old for old in record.previous if old.ends_at > now]
    return ", ".join(f"…{old.hint} works until {_time(old.ends_at)}" for old in still)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
