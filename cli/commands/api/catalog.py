"""``darkroom models``, and the list of ``darkroom providers``: what the service offers."""

from __future__ import annotations

import click

from cli.commands.api.client import Api
from cli.commands.api.options import api_options, json_option
from cli.output import print_page


@click.command()
@json_option
@api_options
def models(api: Api, *, as_json: bool) -> None:
    """List the models."""
    page = api.get("/v1/models")
    print_page(page, ("model", "providers"), lambda m: (m["id"], ", ".join(m["providers"])), as_json=as_json)


def print_providers(api: Api, *, as_json: bool) -> None:
    """Print the providers and their state."""
    page = api.get("/v1/providers")
    titles = ("provider", "state", "model", "address")
    print_page(page, titles, lambda p: (p["name"], p["state"], p["default_model"], p.get("url") or ""), as_json=as_json)
