"""``darkroom pause`` and ``darkroom resume``."""

from __future__ import annotations

import click

import settings as configuration
from cli.commands.operator.database import connected
from jobs.scheduling.pauses import Pauses
from providers.catalog import Catalog
from settings import Settings


@click.command()
@click.argument("provider", required=False)
@click.option("--reason", help="Why. Clients that ask for the provider's state see it.")
def pause(*, provider: str | None, reason: str | None) -> None:
    """Send no more jobs to PROVIDER, or to any provider.

    Jobs are still accepted and wait. Jobs that run go on. Run this where the
    service runs.
    """
    settings = configuration.load()
    _check_name(provider, settings)
    with connected(settings) as connection:
        Pauses(connection).pause(provider, reason=reason)
    click.echo(f"{provider or 'everything'} is paused; darkroom resume{f' {provider}' if provider else ''} goes on")


@click.command()
@click.argument("provider", required=False)
def resume(*, provider: str | None) -> None:
    """Send jobs to PROVIDER again, or to all providers."""
    with connected(configuration.load()) as connection:
        if not Pauses(connection).resume(provider):
            raise click.ClickException(f"{provider or 'everything'} was not paused")
    click.echo(f"{provider or 'everything'} goes on")


def _check_name(provider: str | None, settings: Settings) -> None:
    """Refuse an unknown name: its pause would hold back nothing, silently."""
    names = Catalog.load(settings.providers_file, optional=settings.config is None).names()
    if provider is not None and provider not in names:
        raise click.ClickException(f"there is no provider {provider}; there are {', '.join(names)}")
