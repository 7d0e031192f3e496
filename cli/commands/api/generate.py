"""``darkroom generate`` and ``darkroom watch``: submit a job, follow it, save its result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from cli.commands.api.client import Api, Job
from cli.commands.api.follow import Follower, failure
from cli.commands.api.options import api_options
from cli.commands.api.saving import inline, is_inline, save_outputs
from cli.output import print_json, printable

#: How an image begins that is not a file here.
_SOURCES: Final = ("https://", "http://", "data:", "file_")


@click.command()
@click.argument("prompt", required=False)
@click.option("--model", default="flux-schnell", show_default=True, help="`darkroom models` lists them.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for the result.")
@click.option("--width", type=int, help="Pixels.")
@click.option("--height", type=int, help="Pixels.")
@click.option("--seed", type=int, help="Seed of the random numbers.")
@click.option("--steps", type=int, help="Denoising steps (num_inference_steps).")
@click.option("--image", metavar="FILE", help="Input image: a file, which is uploaded, or a URL.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other input. VALUE may be JSON, or @FILE for an image, which is uploaded.",
)
@click.option("--provider", help="Use only this provider.")
@click.option(
    "--strategy",
    type=click.Choice(["failover", "single", "hedge"]),
    help="failover (the default): if a provider fails, try the next. single: try one provider only. "
    "hedge: if a provider is slow, start the next one as well.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the job ends.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@api_options
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
    """Generate an image, or what else the model makes, from PROMPT, from an image, or from both, and save it."""
    given = {"prompt": prompt, "width": width, "height": height, "seed": seed, "num_inference_steps": steps}
    inputs: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if image is not None:
        inputs["image"] = image if image.startswith(_SOURCES) else api.upload(Path(image))["id"]
    inputs.update(_parameter(api, text) for text in params)
    if not inputs:
        raise click.UsageError("Nothing to generate from: give a PROMPT, an --image or a --param.")
    wishes = {"provider": provider, "strategy": strategy}
    body: dict[str, Any] = {"model": model, "input": inputs, **{name: wish for name, wish in wishes.items() if wish}}
    job = api.submit(body)
    if not wait:
        print_json(job) if as_json else click.echo(job["id"])
        return
    _finish(api, job["id"], output, as_json=as_json, save=True)


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the finished job as JSON.")
@api_options
def watch(api: Api, *, job_id: str, output: Path | None, as_json: bool) -> None:
    """Follow a job until it ends."""
    _finish(api, job_id, output, as_json=as_json, save=output is not None)


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


def _finish(api: Api, job_id: str, output: Path | None, *, as_json: bool, save: bool) -> None:
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
        print_json(job)
    if job["status"] != "succeeded":
        raise click.ClickException(failure(job))
    for path in save_outputs(api, job, output) if save else []:
        click.echo(f"saved {path}", err=as_json)
    for warning in job.get("warnings") or []:
        console.print(f"warning: {warning}", markup=False, highlight=False)
    if not as_json:
        _print_results(job, saved=save)


def _print_results(job: Job, *, saved: bool) -> None:
    for output in job.get("outputs") or []:
        if is_inline(output) and (text := inline(output)):
            click.echo(printable(text) if sys.stdout.isatty() else text)
        elif not saved:
            click.echo(output["url"])
