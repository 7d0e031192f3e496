"""The reference page of the ``darkroom`` command, generated from its help."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

from cli.main import main

_HEAD = """# The darkroom command

Every command with its options, as `darkroom COMMAND --help` prints them. Made by `./run docs`; do not edit.

Commands with `--url` use the public API and work from any machine. The others are for the operator: run them where the
service runs.
"""


def page() -> str:
    """docs/reference/cli.md: every command with its arguments and options."""
    context = click.Context(main, info_name="darkroom")
    return "\n".join([_HEAD, *_commands(main, context)]).rstrip() + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            yield from _command(command, inner)
            if isinstance(command, click.Group):
                yield from _commands(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    yield ""
    yield f"`{' '.join([context.command_path, *command.collect_usage_pieces(context)])}`"
    yield ""
    yield cleandoc(command.help or "")
    yield ""
    rows = [row for param in command.params if (row := param.get_help_record(context)) and row[1]]
    if rows:
        yield "| option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
