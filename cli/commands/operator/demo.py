"""``darkroom demo``: the whole service with a Gradio app of its own, and one image through the API."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import requests
from rich.console import Console

import settings as configuration
from cli.commands.api.client import Api
from cli.commands.api.follow import Follower, failure
from cli.commands.api.saving import save_outputs
from cli.errors import CannotStart
from cli.stack import programs, service
from cli.stack.redis_server import free_port
from cli.stack.service import Service, Stopper
from cli.stack.supervise import Program
from settings import Bind, Settings

PROMPT: Final = "a lighthouse by the sea at dusk, the moon rising"
#: With this seed the default prompt gives the image in the README.
SEED: Final = 1
_MODEL, _PROVIDER = "flux-dev", "blackforestlabs-flux1-dev"
#: The demo must not send anything to the internet, so the providers that would are switched off.
_REMOTE: Final = (
    "blackforestlabs-flux1-schnell",
    "voodoohop-flux1-schnell",
    "deepseekai-janus-pro-7b",
    "g4f-flux1-dev",
    "g4f",
)
_APP: Final = programs.ROOT / "examples" / "demo_space" / "app.py"
#: Seconds for the service to start, and for the app: the first start on a slow machine compiles many files.
_PATIENCE_SECONDS: Final = 120.0


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Exit after the image instead of staying up.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("darkroom-demo.webp"),
    show_default=True,
    help="File for the image.",
)
@click.option("--prompt", help="What to generate.")
def demo(*, leave: bool, output: Path, prompt: str | None) -> None:
    """Run the whole service with a small Gradio app, and generate one image."""
    console = Console()
    port = free_port()
    settings = _demo_settings(configuration.load(), port)
    log_file = settings.data_dir / "demo.log"
    stopper = Stopper()
    began = time.monotonic()

    def emit(program: str, line: str) -> None:
        print(f"{program:>10} | {line}", file=log, flush=True)

    with log_file.open("w", encoding="utf-8") as log, stopper.listening():
        files = settings.data_dir / "space"
        shutil.rmtree(files, ignore_errors=True)  # the previews of the last run
        space = Program(name="space", argv=(_gradio_python(), str(_APP), str(port), str(files)), order=15)
        try:
            with console.status("starting Redis, the API, a worker, the scheduler, Flower and a Gradio app") as status:
                running = service.running(settings, stopper, emit, extra=(space,), patience=_PATIENCE_SECONDS)
                with running as faces:
                    _wait_for_space(f"http://127.0.0.1:{port}", stopper)
                    status.stop()
                    console.print(
                        f"started in {time.monotonic() - began:.1f} s; their log is {log_file}", highlight=False
                    )
                    _make_image(console, faces.url, output, prompt)
                    if leave:
                        return
                    _show(console, faces)
                    faces.wait()
                    console.print("stopping")
        except service.Interrupted:
            return
        except CannotStart as error:
            raise CannotStart(f"{error}; more in {log_file}") from error


def _demo_settings(settings: Settings, space_port: int) -> Settings:
    """The settings with free ports, and with a data directory and a configuration of the demo's own."""
    data_dir = settings.data_dir / "demo"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = data_dir / "providers.toml"
    off = "".join(f"[providers.{name}]\nenabled = false\n" for name in _REMOTE)
    config.write_text(f'[providers.{_PROVIDER}]\nurl = "http://127.0.0.1:{space_port}"\n{off}', encoding="utf-8")
    return replace(
        settings,
        bind=_usable(settings.bind, 8000),
        flower_bind=_usable(settings.flower_bind, 5555),
        redis_url="",
        data_dir=data_dir,
        config=config,
        hub_url="",
        public_url="",
        secret_key_file=data_dir / "secret.key",
    )


def _usable(bind: Bind, usual: int) -> Bind:
    """The address, with a free port if it has the usual one and that is taken."""
    return Bind(bind.host, free_port()) if bind.port == usual and service.is_taken(bind) else bind


def _gradio_python() -> str:
    ours = programs.ROOT / ".venvs" / "gradio-6" / "bin" / "python"
    if ours.exists():
        return str(ours)
    try:
        import gradio  # noqa: F401 - asked only whether it is there
    except ImportError:
        raise CannotStart("the demo's Gradio app needs Gradio 6, which is not here: start it with ./run demo") from None
    return sys.executable


def _wait_for_space(url: str, stopper: Stopper) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < ends:
            if stopper.asked.wait(0.1):
                raise service.Interrupted
            try:
                if session.get(f"{url}/config", timeout=5).ok:
                    return
            except requests.RequestException:
                continue
    raise CannotStart("the demo's Gradio app did not start")


def _make_image(console: Console, url: str, output: Path, prompt: str | None) -> None:
    body = {"model": _MODEL, "input": {"prompt": prompt or PROMPT, "seed": SEED}}
    console.print(f"\nPOST {url}/v1/jobs", highlight=False)
    console.print_json(json.dumps(body))
    api = Api(url)
    job = api.submit(body)
    job = Follower(api=api, console=console, previews=output.with_name(f"{output.stem}.preview")).follow(job["id"])
    if job["status"] != "succeeded":
        raise click.ClickException(failure(job))
    for path in save_outputs(api, job, output):
        console.print(f"[bold]saved {path}[/]", highlight=False)


def _show(console: Console, faces: Service) -> None:
    rows = {
        "Page": faces.url,
        "API docs": f"{faces.url}/docs",
        "Flower": f"{faces.flower_url}  (user darkroom, password {faces.flower_password})",
        "More": f'./run darkroom generate "snowy mountains at night, aurora" --model {_MODEL} --url {faces.url}',
    }
    console.print()
    for name, text in rows.items():
        console.print(f"[bold]{name:9}[/] {text}", highlight=False, soft_wrap=True)
    console.print("\nCtrl-C stops everything.")
