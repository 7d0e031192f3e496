"""``darkroom keys``: straight on this installation's Redis, since the first key cannot come through the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import click

import settings as configuration
from cli.commands.operator.database import connected
from cli.output import print_table
from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import SCOPES, ApiKey, Scope
from jobs.limits import NAMES, OwnLimit
from settings import SettingsError


@click.group()
def keys() -> None:
    """Create, list, change, rotate and revoke API keys.

    They are stored in this installation's Redis, so run this where the
    service runs. Once there has been a key, every request needs one.
    """


_scope = click.option("--scope", "scopes", multiple=True, help="What the key may do: submit, read, admin, proxy.")
_limit = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="A limit of this key: a number, none or default. docs/how-to/limits-and-keys.md lists the names.",
)
_id = click.argument("key_id", metavar="ID")


@keys.command()
@click.argument("name")
@_scope
@_limit
def create(*, name: str, scopes: tuple[str, ...], limits: tuple[str, ...]) -> None:
    """Create a key and print it. It cannot be shown again.

    Without --scope the key may submit and read; the first key may admin as
    well.
    """
    own = {field: limit for field, limit in _limits(limits).items() if limit is not None}
    with _store() as store:
        _, key = store.create(name, _scopes(scopes) or None, own)
    click.echo(key)


@keys.command("list")
def list_() -> None:
    """List the keys, without their secrets."""
    with connected(configuration.load()) as connection:
        records, now = list(ApiKeyStore(connection).each()), connection.now()
    rows = [
        (
            record.id,
            record.name,
            f"…{record.hint}",
            " ".join(record.scopes),
            " ".join(f"{field}={limit}" for field, limit in sorted(record.limits.items())),
            _time(record.created_at),
            _note(record, now),
        )
        for record in records
    ]
    print_table(("id", "name", "ends in", "scopes", "limits", "created", ""), rows)


@keys.command()
@_id
@click.option("--name", help="A new name.")
@_scope
@_limit
def change(*, key_id: str, name: str | None, scopes: tuple[str, ...], limits: tuple[str, ...]) -> None:
    """Change a key's name, scopes or limits. What is not given stays."""
    given = _scopes(scopes)
    with _store() as store:
        found = store.change(key_id, name=name, scopes=given or None, limits=_limits(limits))
    if found is None:
        raise _no_key(key_id)
    click.echo(f"{key_id} is changed")


@keys.command()
@_id
@click.option(
    "--overlap",
    type=click.FloatRange(0, 30 * 24),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long the old secret still works.",
)
def rotate(*, key_id: str, overlap: float) -> None:
    """Give a key a new secret and print it. It cannot be shown again.

    Jobs, scopes and limits stay.
    """
    with _store() as store:
        found = store.rotate(key_id, overlap * 3600)
    if found is None:
        raise _no_key(key_id)
    click.echo(found[1])


@keys.command()
@_id
def revoke(*, key_id: str) -> None:
    """Revoke a key at once."""
    with _store() as store:
        revoked = store.revoke(key_id)
    if not revoked:
        raise _no_key(key_id)
    click.echo(f"{key_id} is revoked")


@keys.command("open")
def open_() -> None:
    """Open the API to this machine without a key, as it was before the first key.

    This works only on a loopback address, and only if every key is revoked.
    """
    with _store() as store:
        opened = store.reopen()
    if not opened:
        raise click.ClickException("a key is valid; revoke it first: darkroom keys list shows it")
    click.echo("the API asks for no key any more; darkroom keys create NAME makes it ask again")


@contextmanager
def _store() -> Iterator[ApiKeyStore]:
    with connected(configuration.load()) as connection:
        yield ApiKeyStore(connection)


def _no_key(key_id: str) -> click.ClickException:
    return click.ClickException(f"there is no valid key {key_id}; darkroom keys list shows them")


def _scopes(given: tuple[str, ...]) -> tuple[Scope, ...]:
    if unknown := set(given) - set(SCOPES):
        raise SettingsError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    return cast("tuple[Scope, ...]", given)


def _limits(given: tuple[str, ...]) -> dict[str, OwnLimit | None]:
    """``name=number``, ``name=none`` (no limit) or ``name=default`` (the service's limit, as None)."""
    found: dict[str, OwnLimit | None] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in NAMES:
            raise SettingsError(f"there is no limit {name}; there are {', '.join(NAMES)}")
        if value not in {"none", "default"} and not (value.isdigit() and int(value) > 0):
            raise SettingsError(f"{text}: give {name}= with a whole number of at least 1, none or default")
        found[name] = None if value == "default" else "none" if value == "none" else int(value)
    return found


def _note(record: ApiKey, now: float) -> str:
    """When it was revoked, or how long its old secrets still work."""
    if record.revoked_at is not None:
        return f"revoked {_time(record.revoked_at)}"
    still = [old for old in record.previous if old.ends_at > now]
    return ", ".join(f"…{old.hint} works until {_time(old.ends_at)}" for old in still)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
