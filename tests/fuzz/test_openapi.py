"""The whole API as its document describes it, by Schemathesis: what fits is taken, what does not is refused.

./run pytest tests/fuzz runs the part for every change; `./run soak` runs the long one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cli.stack.redis_server import free_port
from jobs.access.api_key_store import ApiKeyStore
from jobs.limits import NAMES as LIMITS
from tests.support.processes import ROOT, Stack

pytestmark = [pytest.mark.real, pytest.mark.acceptance]

_CONFIG: Final = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[tuple[Stack, str, str]]:
    """The whole service, with a key; its providers' apps are away."""
    away = f'url = "http://127.0.0.1:{free_port()}"\nspace = ""\n'
    names = ("blackforestlabs-flux1-schnell", "blackforestlabs-flux1-dev", "voodoohop-flux1-schnell", "deepseekai-janus-pro-7b", "g4f-flux1-dev", "g4f")  # fmt: skip
    config = tmp_path / "darkroom.toml"
    config.write_text("".join(f"[providers.{name}]\n{away}" for name in names))
    with Stack(tmp_path / "stack", environ={"DARKROOM_CONFIG": str(config)}) as stack:
        record, key = ApiKeyStore(stack.connection).create("fuzz", limits=dict.fromkeys(LIMITS, "none"))
        stack.whole()
        yield stack, record.id, key


def run(fuzzed: tuple[Stack, str, str], *options: str, seconds: float) -> None:
    """Run Schemathesis, and fail with what it says where it finds anything."""
    stack, key_id, key = fuzzed
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG)),
            *("run", f"{stack.url}/openapi.json", "--no-color", "-H", f"Authorization: Bearer {key}", *options),
        ],
        cwd=ROOT,
        env={**os.environ, "FUZZ_KEY_ID": key_id},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2_000:]}"
    assert "a request failed" not in stack.logs()


@pytest.mark.timeout(300)
def test_the_api_is_as_its_document_says(fuzzed: tuple[Stack, str, str]) -> None:
    # The same cases each time: what is new is looked for in the long run, where nobody waits for a green light.
    run(fuzzed, "--seed", "1", "--max-time", "15", seconds=280)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_the_api_is_as_its_document_says_many_times(fuzzed: tuple[Stack, str, str]) -> None:
    run(fuzzed, "--max-time", "1800", seconds=7000)
