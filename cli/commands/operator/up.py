"""``darkroom up``: the service on this machine, its log on standard output."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

import settings as configuration
from cli.stack import service
from settings import Settings

_COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue", "red")


@click.command()
def up() -> None:
    """Run the service here until Ctrl-C.

    Settings come from the environment (docs/reference/settings.md).
    """
    settings = configuration.load()
    stopper = service.Stopper()
    emit = _printer()
    with stopper.listening():
        try:
            with service.running(settings, stopper, emit) as running:
                click.echo(f"darkroom ready on {running.url}")
                for line in _addresses(running, settings):
                    emit("up", line)
                running.wait()
                emit("up", "stopping; a second Ctrl-C ends everything at once")
        except service.Interrupted:
            return


def _printer() -> Callable[[str, str], None]:
    """A function that prints a program's line after its name, which has a colour of its own on a terminal."""
    colours: dict[str, str] = {}
    wheel = itertools.cycle(_COLOURS)

    def emit(program: str, line: str) -> None:
        if program not in colours:
            colours[program] = next(wheel)
        try:
            click.echo(f"{click.style(f'{program:>10} |', fg=colours[program])} {line}")
        except OSError:
            sys.stdout = Path("/dev/null").open("w")  # noqa: SIM115 - the reader went away; the service goes on

    return emit


def _addresses(running: service.Service, settings: Settings) -> list[str]:
    """The addresses of the service, and who may use them."""
    lines = [f"API docs  {running.url}/docs"]
    if running.flower_password_is_new:
        lines.append(f"Flower    {running.flower_url}  user darkroom, password {running.flower_password}")
    else:
        lines.append(f"Flower    {running.flower_url}  user darkroom, password in {settings.data_dir}/flower.password")
    if running.open_to_this_machine:
        lines.append("The API is open to this machine, since no API key exists: darkroom keys create NAME makes one")
    return lines
