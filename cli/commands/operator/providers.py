"""``darkroom providers``: what the service offers; a new app by its name; what has drifted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

import logs
import settings as configuration
from cli.commands.api.catalog import print_providers
from cli.commands.api.client import Api
from cli.commands.api.options import api_options, json_option
from cli.output import print_json, print_table
from providers import config_file
from providers.base import Control
from providers.catalog import Catalog
from providers.command_line import run as attempts
from providers.config import ConfigError
from providers.discovery import look, operator_file
from providers.discovery.adding import Plan, plan
from providers.discovery.check import Checked, check_all
from providers.discovery.declaration import CannotDeclare
from providers.errors import ProviderError, UnknownName
from providers.inputs.validate import InvalidInput
from providers.registry import BrokenDriver
from providers.spec import ProviderRequest

_file_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file with providers. Default: the service's.",
)
#: Most functions that are shown besides the chosen one.
_SHOWN = 12


@click.group(invoke_without_command=True)
@json_option
@api_options
def providers(api: Api, *, as_json: bool) -> None:
    """List the providers and their state; add one, or check all."""
    if click.get_current_context().invoked_subcommand is None:
        print_providers(api, as_json=as_json)


@providers.command()
@click.argument("app", metavar="OWNER/NAME|URL")
@click.option("--function", metavar="/NAME", help="Which function of the app. Default: the likeliest one.")
@click.option("--name", help="Name of the provider and its model. Default: the app's.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help='A key of the table, as TOML: token={env="HF_TOKEN"}, login=["me","pw"], concurrency=2.',
)
@click.option("--try", "prompt", metavar="PROMPT", help="Run it once with this prompt, and add it only if it answers.")
@click.option("--dry-run", is_flag=True, help="Print what would be added, and add nothing.")
@_file_option
def add(
    *,
    app: str,
    function: str | None,
    name: str | None,
    given: tuple[str, ...],
    prompt: str | None,
    dry_run: bool,
    config: Path | None,
) -> None:
    """Add a Gradio app as a provider, by the name of its Space or its address.

    Asks the app what it can do, chooses a function, and writes its parameters
    with their ranges, choices and defaults into the service's file of
    providers. A service that runs takes it within seconds.
    """
    settings = configuration.load()
    path = config or settings.providers_file
    with _for_people(), logs.hiding():
        found = plan(
            app,
            function=function,
            name=name,
            keys=_keys(given),
            known=_names(path),
            hub_url=settings.hub_url,
            control=Control(look.SECONDS),
        )
        _show_functions(found)
        _, catalog = operator_file.added(path, found.name, found.text)
        if prompt is not None:
            _try(catalog, found.name, prompt, settings.hub_url)
        if not dry_run:
            operator_file.add(path, found.name, found.text)
        click.echo(logs.redact(found.text).rstrip())
    click.echo(f"\n{'not added (--dry-run)' if dry_run else f'added to {path}'}", err=True)


@providers.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@json_option
@_file_option
def check(*, names: tuple[str, ...], as_json: bool, config: Path | None) -> None:
    """Compare what is declared of providers with their live apps.

    Without names, the providers of the file are compared. Ends with status 1
    if something has drifted or an app does not answer.
    """
    settings = configuration.load()
    with _for_people():
        path = config or settings.providers_file
        catalog = Catalog.load(path, optional=config is None, hub_url=settings.hub_url)
        wanted = names or tuple(catalog.config.providers) or catalog.names()
        found = check_all(catalog, wanted)
    if as_json:
        print_json([{"provider": one.provider, "drift": one.drift, "failure": one.failure} for one in found])
    else:
        print_table(("provider", "state"), [(one.provider, _state(one)) for one in found])
    if not all(one.fits for one in found):
        raise click.exceptions.Exit(1)


def _state(checked: Checked) -> str:
    if checked.failure:
        return f"not compared: {checked.failure}"
    return "; ".join(checked.drift) or "as declared"


def _keys(given: tuple[str, ...]) -> Mapping[str, object]:
    """The keys of ``--set``, as TOML reads them."""
    lines = []
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError("--set: give KEY=VALUE, with the value as TOML has it")
        lines.append(f"{key.strip()} = {value.strip()}")
    return config_file.table_of("\n".join(lines), source="--set")


def _names(path: Path) -> tuple[str, ...]:
    return Catalog.load(path, optional=True).names()


def _show_functions(found: Plan) -> None:
    rows = [
        (
            "→" if candidate.function.label == found.function.label else "",
            candidate.function.label,
            ", ".join(candidate.function.outputs),
            candidate.why,
        )
        for candidate in found.candidates[:_SHOWN]
    ]
    click.echo(f"The app runs Gradio {found.version} and has these functions:", err=True)
    print_table(("", "function", "gives", "what speaks for it"), rows, err=True)
    left = len(found.candidates) - _SHOWN
    if left > 0:
        click.echo(f"and {left} more", err=True)
    for remark in found.remarks:
        click.echo(remark, err=True)
    click.echo("", err=True)


def _try(catalog: Catalog, name: str, prompt: str, hub_url: str) -> None:
    """One attempt with a prompt, as a job would make it."""
    ready = Catalog.of(catalog.config, hub_url=hub_url)
    route = ready.choose(name, name)
    if route.models[name].param("prompt") is None:
        raise ConfigError(f"{name} takes no prompt, so --try cannot run it")
    admitted = route.admit({"prompt": prompt})
    request = ProviderRequest(model=name, input=admitted.inputs[name])
    begun = time.monotonic()
    result = attempts.run(
        attempts.PreparedRun(provider=name, driver=ready.driver(name), request=request), lambda _: None
    )
    sizes = [f"a file of {len(data)} bytes" for data in result.files]
    texts = [f"a text of {len(text)} characters" for text in result.texts]
    click.echo(f"It answered in {time.monotonic() - begun:.1f} s: {', '.join(sizes + texts) or 'nothing'}", err=True)


@contextmanager
def _for_people() -> Iterator[None]:
    """Errors of an app, a file or an input as one line."""
    try:
        yield
    except ProviderError as error:
        raise click.ClickException(error.detail) from error
    except InvalidInput as error:
        told = "; ".join(f"{fault.pointer.lstrip('/') or 'input'} {fault.detail}" for fault in error.faults)
        raise click.ClickException(told) from error
    except (CannotDeclare, BrokenDriver, UnknownName) as error:
        raise click.ClickException(str(error)) from error
