"""``python -m providers list | show NAME | run NAME prompt=… | docs``: providers without any service.

Exit status: 0 done; 1 the provider failed; 2 the call, the configuration or
the input is wrong; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from providers import docs
from providers.catalog import Catalog
from providers.command_line import run as attempts
from providers.command_line.terminal import Terminal
from providers.config import ConfigError
from providers.errors import ProviderError, UnknownName
from providers.huggingface.hub import HUB_URL
from providers.inputs.validate import InvalidInput
from providers.registry import BrokenDriver

_CONFIG = click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="TOML file with providers.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status; see the module's docstring."""
    terminal = Terminal()
    try:
        commands.main(arguments, prog_name="python -m providers", standalone_mode=False, obj=terminal)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        terminal.fail("interrupted")
        return 130
    except ProviderError as error:
        wait = "" if error.retry_after is None else f" (retry in {error.retry_after:.0f} s)"
        terminal.fail(f"{type(error).__name__.lower()}: {error.detail}{wait}")
        return 1
    except InvalidInput as error:
        for fault in error.faults:
            terminal.fail(f"{fault.pointer.lstrip('/') or 'input'} {fault.detail}")
        return 2
    except (BrokenDriver, ConfigError, UnknownName, attempts.UsageError) as error:
        terminal.fail(str(error))
        return 2
    return 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """List, show and try providers, without any service."""


@commands.command("list")
@_CONFIG
@click.pass_obj
def list_(terminal: Terminal, config: Path | None) -> None:
    """Show all providers."""
    catalog = Catalog.load(config)
    rows = [
        (
            spec.name,
            ", ".join(name for model in spec.models for name in model.names),
            spec.url or "-",
            "off" if not spec.enabled else "on" if spec.working else "only by name",
        )
        for spec in sorted(catalog.specs(), key=lambda spec: spec.name)
    ]
    terminal.table(("provider", "models", "address", "state"), rows)
    for reason in catalog.broken().values():
        terminal.fail(reason)


@commands.command()
@click.argument("name")
@_CONFIG
@click.pass_obj
def show(terminal: Terminal, name: str, config: Path | None) -> None:
    """Show one provider: its models and their parameters."""
    terminal.markdown(docs.provider(Catalog.load(config).spec(name)))


@commands.command()
@click.argument("name")
@click.argument("values", nargs=-1, metavar="KEY=VALUE…")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="File for the result.")
@click.option("-m", "--model", help="For a provider with several models.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Time limit of the attempt."
)
@click.option("--hub", default=HUB_URL, metavar="URL", help="The Hugging Face Hub; '' asks no Hub.")
@click.option(
    "--credentials",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON with some of api_key, hf_token, zerogpu_uuid, cookies, proxy.",
)
@_CONFIG
@click.pass_obj
def run(
    terminal: Terminal,
    *,
    name: str,
    values: tuple[str, ...],
    output: Path | None,
    model: str | None,
    timeout: float | None,
    hub: str,
    credentials: Path | None,
    config: Path | None,
) -> None:
    """Make one attempt on a provider or model NAME.

    Give the input as prompt=…, width=…, image=FILE. Steps of a script are
    separated by semicolons. url=…, flux_url=… and space=… make the provider
    use another app.
    """
    wanted = attempts.prepare(name, values, config_path=config, model=model, hub_url=hub, credentials=credentials)
    with terminal.watching() as watch:
        result = attempts.run(wanted, watch, seconds=timeout)
    for warning in result.warnings:
        terminal.note(f"warning: {warning}")
    for text in result.texts:
        terminal.say(text)
    for path in attempts.save(result, output, name=wanted.provider):
        terminal.say(str(path))
    if result.seed is not None:
        terminal.note(f"seed {result.seed}")


if __name__ == "__main__":
    sys.exit(main())
