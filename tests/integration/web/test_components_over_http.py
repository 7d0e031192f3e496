"""Each component of Gradio, in and out, over HTTP, through a worker and real apps of each line: the whole matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.spaces import environments
from tests.spaces.launcher import Space, Spaces
from tests.support.component_cases import CASES
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.live, pytest.mark.soak, pytest.mark.timeout(400)]

TIMEOUT = (5, 60)
SECONDS = 240.0


@pytest.fixture(scope="module")
def apps(spaces: Spaces) -> dict[str, Space]:
    return {line: spaces.get(line, "components.py") for line in environments.TESTED}


def there(app: Space) -> list[str]:
    """The cases that an app of this line has a function for, and that give something."""
    found = requests.get(f"{app.url}/config", timeout=10).json()["dependencies"]
    names = {str(function["api_name"]) for function in found}
    return [name for name, case in CASES.items() if name in names and case.out]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, apps: dict[str, Space]) -> Iterator[Stack]:
    """The whole service, with a model for each component of each line."""
    folder: Path = tmp_path_factory.mktemp("components")
    config = folder / "providers.toml"
    config.write_text(
        "\n".join(
            CASES[name].declared(app.url, of_line(name, line), name)
            for line, app in apps.items()
            for name in there(app)
        )
    )
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as running:
        running.whole()
        yield running


def of_line(name: str, line: str) -> str:
    return f"{name}-{line.replace('.', '-')}"


def shown(output: Any) -> tuple[str, object]:
    """Its kind, and its label or caption, or the text or data itself."""
    kind = str(output["kind"])
    if kind in {"text", "json"}:
        return kind, output["text" if kind == "text" else "data"]
    return kind, output.get("caption") or output.get("label", "")


@pytest.mark.parametrize("line", environments.TESTED)
def test_each_component_works_over_http(stack: Stack, apps: dict[str, Space], line: str) -> None:
    app = apps[line]
    jobs: dict[str, str] = {}
    for name in there(app):
        case = CASES[name]
        given = {} if case.type is None else {"given": case.sources}
        body = {"model": of_line(name, line), "input": given}
        answer = requests.post(f"{stack.url}/v1/jobs", json=body, timeout=TIMEOUT)
        assert answer.status_code == 202, (name, answer.text)
        jobs[name] = answer.json()["id"]
    stack.wait_for_status(jobs.values(), seconds=SECONDS)
    faults: dict[str, object] = {}
    arrived = {str(note["function"]): note["arguments"] for note in app.notes()}
    for name, job_id in jobs.items():
        case = CASES[name]
        job = requests.get(f"{stack.url}/v1/jobs/{job_id}", timeout=TIMEOUT).json()
        if job["status"] != "succeeded" or not case.fits([shown(output) for output in job["outputs"]]):
            faults[name] = job.get("error") or job["outputs"]
        elif case.type is not None and arrived[name] != {"value": case.on(line)}:
            faults[name] = f"arrived: {arrived[name]}"
    assert faults == {}
