"""The ``darkroom`` command: the list of its commands. A new one is a file in :mod:`cli.commands` and a line here."""

from __future__ import annotations

import errno
import pkgutil
from pathlib import Path
from typing import Final, cast

import click

import settings as configuration
from cli.errors import CommandError
from jobs.errors import StoreUnavailable
from jobs.version import VERSION
from providers.config import ConfigError
from settings import SettingsError

#: Where each command is. It is imported when it is used, so that one command does not load what another needs.
_COMMANDS: Final = {
    "accept-database": "cli.commands.operator.accept_database:accept_database",
    "cancel": "cli.commands.api.jobs:cancel",
    "demo": "cli.commands.operator.demo:demo",
    "generate": "cli.commands.api.generate:generate",
    "jobs": "cli.commands.api.jobs:jobs",
    "keys": "cli.commands.operator.keys:keys",
    "mcp": "cli.commands.api.mcp:mcp",
    "models": "cli.commands.api.catalog:models",
    "pause": "cli.commands.operator.pause:pause",
    "providers": "cli.commands.operator.providers:providers",
    "resume": "cli.commands.operator.pause:resume",
    "up": "cli.commands.operator.up:up",
    "watch": "cli.commands.api.generate:watch",
}


#: Errors that a user can act on.
_FOR_PEOPLE: Final = (CommandError, SettingsError, ConfigError, StoreUnavailable)


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
        except _FOR_PEOPLE as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            raise click.ClickException(_unusable(error)) from error


def _unusable(error: OSError) -> str:
    """A file, folder or disk that cannot be used, and the setting that names it."""
    if error.filename is None:
        return f"{error.strerror}: a file cannot be written"
    path = error.filename if error.filename2 is None else error.filename2
    found, data_dir = Path(path), configuration.load().data_dir
    named = found.is_relative_to(data_dir) or data_dir.is_relative_to(found)
    return f"{f'DARKROOM_DATA_DIR={data_dir} cannot be used: ' if named else ''}{path}: {error.strerror}"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=VERSION, prog_name="darkroom")
def main() -> None:
    """Darkroom: a dependable generation API for Hugging Face Spaces and any Gradio app."""
