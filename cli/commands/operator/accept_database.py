"""``darkroom accept-database``."""

from __future__ import annotations

import click

import settings as configuration
from cli.commands.operator.database import connected
from jobs.access.api_key_store import ApiKeyStore
from jobs.record.identity import WRONG, DatabaseIdentity


@click.command("accept-database")
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept_database(*, yes: bool) -> None:
    """Accept a database that has lost its jobs.

    If Redis comes back empty, or is another one, the service accepts and runs
    nothing, so that a backup can be restored. This command gives up the jobs
    and API keys of the old database. The API still asks for a key. Run this
    where the scheduler runs.
    """
    settings = configuration.load()
    with connected(settings) as connection:
        identity = DatabaseIdentity(connection.client, settings.identity_file)
        if identity.look() not in WRONG:
            raise click.ClickException("this database is the right one: there is nothing to accept")
        if not yes:
            click.confirm("All jobs and API keys of the old database are given up. Continue?", abort=True)
        # The lock comes first: there is no moment in which a database without keys is open to everyone.
        ApiKeyStore(connection).lock()
        identity.accept()
    click.echo(
        "the database is accepted; `darkroom keys create NAME` creates a key,"
        " `darkroom keys open` opens the API to this machine without one"
    )
