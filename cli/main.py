"""The ``darkroom`` command: the list of its commands. A new one is a file in :mod:`cli.commands` and a line here."""

from __future__ import annotations

import pkgutil
from typing import Final, cast

import click

from cli.errors import CommandError
from jobs.version import VERSION
from settings import SettingsError

#: Where each command is. It is imported when it is used, so that one command does not load what another needs.
_COMMANDS: Final = {
    "accept-database": "cli.commands.operator.accept_database:accept_database",
    "cancel": "cli.commands.api.jobs:cancel",
    "demo": "cli.commands.operator.demo:demo",
    "generate": "cli.commands.api.generate:generate",
    "jobs": "cli.commands.api.jobs:jobs",
    "keys": "cli.commands.operator.keys:keys",
    "models": "cli.commands.api.catalog:models",
    "pause": "cli.commands.operator.pause:pause",
    "providers": "cli.commands.api.catalog:providers",
    "resume": "cli.commands.operator.pause:resume",
    "up": "cli.commands.operator.up:up",
    "watch": "cli.commands.api.generate:watch",
}


class _Group(click.Group):
    """Shows errors that a user can act on as one line; any other is a bug and keeps its traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        return cast("click.Command", pkgutil.resolve_name(_COMMANDS[cmd_name])) if cmd_name in _COMMANDS else None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (CommandError, SettingsError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=VERSION, prog_name="darkroom")
def main() -> None:
    """Darkroom: a dependable generation API for Hugging Face Spaces and any Gradio app."""
