"""What all commands of the API take: where the service is, and a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

import settings as configuration
from cli.stack import runtime


def service_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--url`` and ``--api-key``, and give the command an address and a key (or None) as its first arguments."""

    @click.option("--url", help="Address of the service. Default: the service on this machine.", envvar="DARKROOM_URL")
    @click.option("--api-key", help="API key. Better given as DARKROOM_API_KEY.", envvar="DARKROOM_API_KEY")
    def wrapped(url: str | None, api_key: str | None, **options: Any) -> None:  # noqa: ANN401 - click's own
        command(url or _local_url(), api_key, **options)

    return update_wrapper(wrapped, command)


def api_options(command: Callable[..., None]) -> Callable[..., None]:
    """As :func:`service_options`, but the command gets an :class:`Api`."""

    def wrapped(url: str, api_key: str | None, **options: Any) -> None:  # noqa: ANN401 - click's own
        # Here: a command that needs no client loads none.
        from cli.commands.api.client import Api

        command(Api(url, api_key), **options)

    return service_options(update_wrapper(wrapped, command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as JSON.")


def _local_url() -> str:
    settings = configuration.load()
    running = runtime.read(settings.runtime_file)
    return running.url if running else runtime.reachable(settings.bind)
