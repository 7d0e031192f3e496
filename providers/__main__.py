"""``python -m providers list | show NAME | run NAME prompt=… | docs``: providers without any service.

Exit status: 0 done, 1 the provider failed, 2 a mistake in the call, the
configuration or the input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from providers import docs, trial
from providers.catalog import Catalog, Refused, UnknownName
from providers.config import ConfigError
from providers.errors import ProviderError
from providers.gradio.hub import HUB_URL
from providers.registry import BrokenDriver
from providers.terminal import Terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; see the module's text for the status it returns."""
    options = _parser().parse_args(arguments)
    terminal = Terminal()
    try:
        return int(options.command(options, terminal))
    except ProviderError as error:
        terminal.fail(f"{type(error).__name__.lower()}: {error.detail}{_when(error)}")
        return 1
    except Refused as error:
        for problem in error.problems:
            terminal.fail(f"{problem.pointer.lstrip('/') or 'input'} {problem.detail}")
    except (BrokenDriver, ConfigError, UnknownName, trial.Mistake) as error:
        terminal.fail(str(error))
    except KeyboardInterrupt:
        terminal.fail("interrupted")
        return 130
    return 2


def _list(options: argparse.Namespace, terminal: Terminal) -> int:
    catalog = Catalog.load(options.config)
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
    return 0


def _show(options: argparse.Namespace, terminal: Terminal) -> int:
    terminal.markdown(docs.provider(Catalog.load(options.config).spec(options.name)))
    return 0


def _run(options: argparse.Namespace, terminal: Terminal) -> int:
    wanted = trial.prepare(
        options.name,
        options.values,
        config_path=options.config,
        model=options.model,
        hub_url=options.hub,
        credentials=options.credentials,
    )
    with terminal.watching() as watch:
        result = trial.run(wanted, watch, seconds=options.timeout)
    for text in result.texts:
        terminal.say(text)
    for path in trial.save(result, options.output, name=wanted.provider):
        terminal.say(str(path))
    if result.seed is not None:
        terminal.note(f"seed {result.seed}")
    return 0


def _docs(options: argparse.Namespace, terminal: Terminal) -> int:
    del options
    terminal.say(docs.page(Catalog.load(installed=[]).specs()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m providers", description="Look at providers and try them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, summary in (
        ("list", _list, "all providers"),
        ("show", _show, "one provider: its models and their parameters"),
        ("run", _run, "one attempt; no service is needed"),
        ("docs", _docs, "docs/reference/providers.md"),
    ):
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=command)
        if name != "docs":
            sub.add_argument("--config", type=Path, metavar="FILE", help="TOML file with providers")
        if name in {"show", "run"}:
            sub.add_argument("name", metavar="NAME", help="a provider" if name == "show" else "a provider or a model")
        if name == "run":
            _add_run_options(sub)
    return parser


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "values", nargs="*", metavar="KEY=VALUE", help="input, such as prompt=…; also url=… of another app"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the picture goes")
    parser.add_argument("-m", "--model", help="for a provider with several")
    parser.add_argument("--timeout", type=float, default=None, metavar="SECONDS", help="for the whole attempt")
    parser.add_argument("--hub", default=HUB_URL, metavar="URL", help="the Hugging Face Hub; '' asks none")
    parser.add_argument("--credentials", type=Path, metavar="FILE", help="JSON with api_key, hf_token, cookies, …")


def _when(error: ProviderError) -> str:
    return "" if error.retry_after is None else f" (again in {error.retry_after:.0f} s)"


if __name__ == "__main__":
    sys.exit(main())
