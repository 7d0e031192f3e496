"""The ``darkroom`` command."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

import settings as configuration
from cli.api import TERMINAL, Api, Job
from cli.errors import CommandError
from jobs.version import VERSION

#: How pictures begin that are not files here.
_SOURCES: Final = ("https://", "http://", "data:", "file_")
_STATUSES: Final = ("queued", "running", *sorted(TERMINAL))


class _Group(click.Group):
    """Shows the errors that a user can act on as one line; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (CommandError, configuration.SettingsError) as error:
            raise click.ClickException(str(error)) from error


def _api_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--url`` and ``--api-key``, and hand the command an :class:`Api` as its first argument."""

    @click.option("--url", help="Address of the service; the one that runs here if not given.", envvar="DARKROOM_URL")
    @click.option("--api-key", help="API key; better given as DARKROOM_API_KEY.", envvar="DARKROOM_API_KEY")
    def wrapped(url: str | None, api_key: str | None, **options: Any) -> None:  # noqa: ANN401 - click's own
        command(Api(url or _local_url(), api_key), **options)

    return update_wrapper(wrapped, command)


def _local_url() -> str:
    from cli import runtime

    settings = configuration.load()
    running = runtime.read(settings.runtime_file)
    return running.url if running else runtime.reachable(settings.bind)


def _show(body: Any) -> None:  # noqa: ANN401 - any JSON
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version=VERSION, prog_name="darkroom")
def main() -> None:
    """Darkroom: generation jobs on Gradio apps, never lost, always explained."""


@main.command()
def up() -> None:
    """Run the service here until Ctrl-C.

    Settings come from the environment (docs/reference/settings.md).
    """
    from cli.up import up as run

    run(configuration.load())


@main.command()
@click.option("--exit", "leave", is_flag=True, help="End after the picture instead of staying up.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("darkroom-demo.webp"),
    show_default=True,
    help="Where the picture goes.",
)
@click.option("--prompt", help="What to paint.")
def demo(*, leave: bool, output: Path, prompt: str | None) -> None:
    """Run the whole service with a small Gradio app of its own, and make a picture."""
    from cli.demo import demo as run

    run(configuration.load(), output=output, prompt=prompt, leave=leave)


def _parameter(api: Api, text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r}: give name=value", param_hint="--param")
    if value.startswith("@"):
        return name, api.upload(Path(value[1:]))["id"]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@main.command()
@click.argument("prompt", required=False)
@click.option("--model", default="flux-schnell", show_default=True, help="`darkroom models` lists them.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the picture goes.")
@click.option("--width", type=int, help="Pixels.")
@click.option("--height", type=int, help="Pixels.")
@click.option("--seed", type=int, help="Start of the random numbers.")
@click.option("--steps", type=int, help="Denoising steps (num_inference_steps).")
@click.option("--image", metavar="FILE", help="A picture that goes in: a file, which is uploaded, or an address.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other input; VALUE may be JSON, or @FILE for a picture, which is uploaded.",
)
@click.option("--provider", help="Only this provider.")
@click.option(
    "--strategy",
    type=click.Choice(["failover", "single", "hedge"]),
    help="Who else is asked: another where one fails (the default), nobody, or the next as well where one takes long.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until the job ends.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@_api_options
def generate(
    api: Api,
    *,
    prompt: str | None,
    model: str,
    output: Path | None,
    width: int | None,
    height: int | None,
    seed: int | None,
    steps: int | None,
    image: str | None,
    params: tuple[str, ...],
    provider: str | None,
    strategy: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Make a picture (or a text) from PROMPT, from a picture, or from both, and save it."""
    given = {"prompt": prompt, "width": width, "height": height, "seed": seed, "num_inference_steps": steps}
    inputs: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if image is not None:
        inputs["image"] = image if image.startswith(_SOURCES) else api.upload(Path(image))["id"]
    inputs.update(_parameter(api, text) for text in params)
    if not inputs:
        raise click.UsageError("Say what to make: give a PROMPT, an --image or a --param.")
    wishes = {"provider": provider, "strategy": strategy}
    body: dict[str, Any] = {"model": model, "input": inputs, **{name: wish for name, wish in wishes.items() if wish}}
    job = api.submit(body)
    if not wait:
        _show(job) if as_json else click.echo(job["id"])
        return
    _finish(api, job["id"], output, as_json=as_json, save=True)


@main.command()
@click.argument("job_id", metavar="ID")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Save the result here.")
@click.option("--json", "as_json", is_flag=True, help="Print the final job as JSON.")
@_api_options
def watch(api: Api, *, job_id: str, output: Path | None, as_json: bool) -> None:
    """Follow a job until it ends."""
    _finish(api, job_id, output, as_json=as_json, save=output is not None)


def _finish(api: Api, job_id: str, output: Path | None, *, as_json: bool, save: bool) -> None:
    from cli.follow import Follower, failure, save_outputs

    console = Console(stderr=True)
    console.print(job_id, markup=False, highlight=False)
    stem = output.with_suffix("") if output else Path(f"darkroom-{job_id[-8:].lower()}")
    previews = stem.with_name(f"{stem.name}.preview") if save else None
    try:
        job = Follower(api=api, console=console, previews=previews).follow(job_id)
    except KeyboardInterrupt:
        console.print(f"The job goes on: darkroom watch {job_id}", markup=False, highlight=False)
        raise
    if as_json:
        _show(job)
    if job["status"] != "succeeded":
        raise click.ClickException(failure(job))
    for path in save_outputs(api, job, output) if save else []:
        click.echo(f"saved {path}", err=as_json)
    if not as_json:
        _print_results(job, saved=save)


def _print_results(job: Job, *, saved: bool) -> None:
    for output in job.get("outputs") or []:
        if output["kind"] == "text":
            click.echo(output.get("text") or "")
        elif not saved:
            click.echo(output["url"])


@main.command()
@click.option("--status", type=click.Choice(_STATUSES), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@_api_options
def jobs(api: Api, *, status: str | None, limit: int, as_json: bool) -> None:
    """List the newest jobs."""
    page = api.get("/v1/jobs", status=status, limit=limit)
    if as_json:
        _show(page)
        return
    from cli.follow import headline

    rows = [
        (job["id"], job["model"], job.get("provider") or "", headline(job), job["created_at"]) for job in page["data"]
    ]
    _table(("id", "model", "provider", "state", "created"), rows)


@main.command()
@click.argument("job_id", metavar="ID")
@_api_options
def cancel(api: Api, *, job_id: str) -> None:
    """Ask for a job's end."""
    click.echo(f"{job_id} {api.cancel(job_id)['status']}")


@main.command()
@click.option("--json", "as_json", is_flag=True)
@_api_options
def models(api: Api, *, as_json: bool) -> None:
    """List what can be asked for."""
    page = api.get("/v1/models")
    if as_json:
        _show(page)
        return
    _table(("model", "providers"), [(m["id"], ", ".join(_names(m.get("providers")))) for m in page["data"]])


@main.command()
@click.option("--json", "as_json", is_flag=True)
@_api_options
def providers(api: Api, *, as_json: bool) -> None:
    """List the upstreams and how they are."""
    page = api.get("/v1/providers")
    if as_json:
        _show(page)
        return
    rows = [
        (p.get("name") or p.get("id"), p.get("state") or "", p.get("default_model") or "", p.get("url") or "")
        for p in page["data"]
    ]
    _table(("provider", "state", "model", "address"), rows)


def _names(entries: Any) -> list[str]:  # noqa: ANN401 - names, or objects with a name
    return [str(e.get("name") or e.get("id")) if isinstance(e, dict) else str(e) for e in entries or []]


def _table(titles: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table, markup=False)


@main.group()
def keys() -> None:
    """Make, list, change, rotate and revoke API keys.

    They live in this installation's Redis, so run it where the service runs.
    Once there was a key, every request needs one.
    """


_scope = click.option("--scope", "scopes", multiple=True, help="What it may do: submit, read, admin, proxy.")
_limit = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="A limit of its own: a number, none, or default; docs/how-to/limits-and-keys.md lists them.",
)


@keys.command("create")
@click.argument("name")
@_scope
@_limit
def keys_create(*, name: str, scopes: tuple[str, ...], limits: tuple[str, ...]) -> None:
    """Make a key and print it, once. If no scope is given it may submit and read, and the first one admin as well."""
    from cli.keys import create

    click.echo(create(configuration.load(), name, scopes, limits))


@keys.command("list")
def keys_list() -> None:
    """List the keys, without the keys themselves."""
    from cli.keys import rows

    _table(("id", "name", "ends in", "scopes", "limits", "created", ""), rows(configuration.load()))


@keys.command("change")
@click.argument("key_id", metavar="ID")
@click.option("--name", help="Another name.")
@_scope
@_limit
def keys_change(*, key_id: str, name: str | None, scopes: tuple[str, ...], limits: tuple[str, ...]) -> None:
    """Change a key's name, scopes or limits; what is not given stays."""
    from cli.keys import change

    if not change(configuration.load(), key_id, name, scopes, limits):
        raise _no_key(key_id)
    click.echo(f"{key_id} is changed")


@keys.command("rotate")
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 30 * 24),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="So long the old one still works.",
)
def keys_rotate(*, key_id: str, overlap: float) -> None:
    """Replace a key by a new one and print it, once; jobs, scopes and limits stay."""
    from cli.keys import rotate

    key = rotate(configuration.load(), key_id, overlap * 3600)
    if key is None:
        raise _no_key(key_id)
    click.echo(key)


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
def keys_revoke(*, key_id: str) -> None:
    """End a key, at once."""
    from cli.keys import revoke

    if not revoke(configuration.load(), key_id):
        raise _no_key(key_id)
    click.echo(f"{key_id} is revoked")


@keys.command("open")
def keys_open() -> None:
    """Let everybody on this machine use the API without a key, as before the first one was made.

    Only on a loopback address, and only when every key is revoked.
    """
    from cli.keys import reopen

    if not reopen(configuration.load()):
        raise click.ClickException("a key is valid; revoke it first: darkroom keys list shows it")
    click.echo("the API asks for no key any more; darkroom keys create NAME makes it ask again")


def _no_key(key_id: str) -> click.ClickException:
    return click.ClickException(f"there is no valid key {key_id}; darkroom keys list shows them")


@main.command()
@click.argument("provider", required=False)
@click.option("--reason", help="Why; whoever asks for the provider's state reads it.")
def pause(*, provider: str | None, reason: str | None) -> None:
    """Send no more jobs to PROVIDER, or none at all.

    Jobs are still accepted and wait; those that run go on. Run it where the
    service runs.
    """
    from cli.keys import connected
    from jobs.scheduling.pauses import Pauses

    _known(provider)
    with connected(configuration.load()) as connection:
        Pauses(connection).pause(provider, reason=reason)
    click.echo(f"{provider or 'everything'} is paused; darkroom resume{f' {provider}' if provider else ''} goes on")


@main.command()
@click.argument("provider", required=False)
def resume(*, provider: str | None) -> None:
    """Send jobs to PROVIDER again, or go on with everything."""
    from cli.keys import connected
    from jobs.scheduling.pauses import Pauses

    with connected(configuration.load()) as connection:
        if not Pauses(connection).resume(provider):
            raise click.ClickException(f"{provider or 'everything'} was not paused")
    click.echo(f"{provider or 'everything'} goes on")


@main.command("accept-database")
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept_database(*, yes: bool) -> None:
    """Go on with a database that lost its jobs.

    Where Redis comes back empty, or is another one, the service takes and
    runs nothing, so that a backup can be put back. This gives up the jobs and
    API keys of the database that was there before; the API asks for a key all
    the same. Run it where the scheduler runs.
    """
    from cli.keys import connected
    from jobs.access.api_keys import ApiKeyStore
    from jobs.record.identity import WRONG, DatabaseIdentity

    settings = configuration.load()
    with connected(settings) as connection:
        identity = DatabaseIdentity(connection.client, settings.identity_file)
        if identity.look() not in WRONG:
            raise click.ClickException("this database is the right one: there is nothing to accept")
        if not yes:
            click.confirm(
                "All jobs and API keys of the database that was there before are given up. Go on?", abort=True
            )
        # First, so that there is no moment in which a database without keys lets everybody in.
        ApiKeyStore(connection).lock()
        identity.accept()
    click.echo(
        "the database is accepted; `darkroom keys create NAME` makes a new key,"
        " `darkroom keys open` lets this machine in without one"
    )


def _known(provider: str | None) -> None:
    """Refuse a name that no provider has: its pause would hold back nothing, silently."""
    from providers.catalog import Catalog

    config = configuration.load()
    names = Catalog.load(config.config, hub_url=config.hub_url).names()
    if provider is not None and provider not in names:
        raise click.ClickException(f"there is no provider {provider}; there are {', '.join(names)}")
