"""``darkroom models`` and ``darkroom providers``: what the service offers."""

from __future__ import annotations

import click

from cli.commands.api.client import Api
from cli.commands.api.options import api_options, json_option
from cli.output import print_json, print_table


@click.command()
@json_option
@api_options
def models(api: Api, *, as_json: bool) -> None:
    """List the models."""
    page = api.get("/v1/models")
    if as_json:
        print_json(page)
        return
    print_table(("model", "providers"), [(m["id"], ", ".join(m["providers"])) for m in page["data"]])


@click.command()
@json_option
@api_options
def providers(api: Api, *, as_json: bool) -> None:
    """List the providers and their state."""
    page = api.get("/v1/providers")
    if as_json:
        print_json(page)
        return
    rows = [(p["name"], p["state"], p["default_model"], p.get("url") or "") for p in page["data"]]
    print_table(("provider", "state", "model", "address"), rows)
