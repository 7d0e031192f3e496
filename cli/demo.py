"""``darkroom demo``: the whole service with an upstream of its own, and one picture through the API."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import requests
from rich.console import Console

from cli import programs, service
from cli.api import Api
from cli.errors import CannotStart
from cli.follow import Follower, failure, save_outputs
from cli.redis_server import free_port
from cli.service import Service, Stopper
from cli.supervise import Program
from settings import Bind, Settings

PROMPT: Final = "a lighthouse by the sea at dusk, the moon rising"
#: With this seed the default prompt gives the picture in the README.
SEED: Final = 1
_MODEL, _PROVIDER = "flux-dev", "blackforestlabs-flux1-dev"
#: The demo must not leave this machine, so the upstreams that would are switched off.
_REMOTE: Final = (
    "blackforestlabs-flux1-schnell",
    "voodoohop-flux1-schnell",
    "deepseekai-janus-pro-7b",
    "g4f-flux1-dev",
    "g4f",
)
_APP: Final = Path(__file__).parent.parent / "examples" / "demo_space" / "app.py"
#: For each of the service and the app; the first start on a slow machine compiles a great many files.
_PATIENCE_SECONDS: Final = 120.0


def demo(settings: Settings, *, output: Path, prompt: str | None, leave: bool) -> None:
    """Start everything, make a picture, and stay until Ctrl-C.

    Args:
        settings: The configuration; the demo keeps its data apart from the real ones.
        output: Where the picture goes.
        prompt: What to paint.
        leave: End after the picture.

    Raises:
        CannotStart: Something that it needs is missing.
    """
    console = Console()
    port = free_port()
    settings = _own(settings, port)
    log_file = settings.data_dir / "demo.log"
    stopper = Stopper()
    began = time.monotonic()
    with log_file.open("w", encoding="utf-8") as log, stopper.listening():
        files = settings.data_dir / "space"
        shutil.rmtree(files, ignore_errors=True)  # the intermediate pictures of the last time
        space = Program(name="space", argv=(_gradio_python(), str(_APP), str(port), str(files)), order=15)
        try:
            with console.status("starting Redis, the API, a worker, the scheduler, Flower and a Gradio app") as status:
                running = service.running(
                    settings, stopper, _writer(log.write, log.flush), extra=(space,), patience=_PATIENCE_SECONDS
                )
                with running as faces:
                    _wait_for_space(f"http://127.0.0.1:{port}", stopper)
                    status.stop()
                    console.print(
                        f"started in {time.monotonic() - began:.1f} s; their log is {log_file}", highlight=False
                    )
                    _make_picture(console, faces.url, output, prompt)
                    if leave:
                        return
                    _show(console, faces)
                    faces.wait()
                    console.print("stopping")
        except service.Interrupted:
            return
        except CannotStart as error:
            raise CannotStart(f"{error}; more in {log_file}") from error


def _own(settings: Settings, space_port: int) -> Settings:
    data_dir = settings.data_dir / "demo"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = data_dir / "providers.toml"
    off = "".join(f"[providers.{name}]\nenabled = false\n" for name in _REMOTE)
    config.write_text(f'[providers.{_PROVIDER}]\nurl = "http://127.0.0.1:{space_port}"\n{off}', encoding="utf-8")
    return replace(
        settings,
        bind=_free(settings.bind, 8000),
        flower_bind=_free(settings.flower_bind, 5555),
        redis_url="",
        data_dir=data_dir,
        config=config,
        hub_url="",
        public_url="",
        secret_key_file=data_dir / "secret.key",
    )


def _free(bind: Bind, usual: int) -> Bind:
    """The address itself, or a free port in place of the usual one where that is taken."""
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


def _writer(write: Callable[[str], int], flush: Callable[[], None]) -> Callable[[str, str], None]:
    def emit(program: str, line: str) -> None:
        write(f"{program:>10} | {line}\n")
        flush()

    return emit


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


def _make_picture(console: Console, url: str, output: Path, prompt: str | None) -> None:
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
