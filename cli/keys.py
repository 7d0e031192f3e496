"""``darkroom keys``: straight on this installation's Redis, since the first key cannot come through the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from cli import runtime
from jobs.apikeys import SCOPES, KeyStore, Scope
from settings import Settings, SettingsError


def create(settings: Settings, name: str, scopes: tuple[str, ...] = ()) -> str:
    """Make a key and give it; it cannot be seen again.

    Raises:
        SettingsError: A scope is unknown.
    """
    if unknown := set(scopes) - set(SCOPES):
        raise SettingsError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    with runtime.redis_client(settings) as client:
        _, key = KeyStore(client).create(name, cast("tuple[Scope, ...]", scopes) or SCOPES)
    return key


def rows(settings: Settings) -> list[tuple[str, ...]]:
    """All keys: id, name, last characters, scopes, when made, when revoked."""
    with runtime.redis_client(settings) as client:
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
    with runtime.redis_client(settings) as client:
        return KeyStore(client).revoke(key_id)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
