"""The programs in the README run as they stand, with a real Gradio app as the upstream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from jobs.version import VERSION
from tests.spaces.launcher import Spaces
from tests.support.pages import ROOT, blocks, run
from tests.support.processes import Stack

pytestmark = [pytest.mark.real, pytest.mark.live]

README = ROOT / "README.md"


@pytest.fixture(scope="module")
def service(spaces: Spaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("readme")
    config = folder / "darkroom.toml"
    app = spaces.get("6", "flux_dev.py")
    config.write_text(f'[providers.blackforestlabs-flux1-dev]\nurl = "{app.url}"\nspace = ""\n')
    with Stack(folder / "stack", environ={"DARKROOM_CONFIG": str(config)}) as running:
        running.whole()
        yield running


@pytest.mark.parametrize(
    ("language", "program", "file"), [("python", "python3", "client.py"), ("js", "node", "client.mjs")]
)
def test_a_program_makes_an_image(service: Stack, tmp_path: Path, language: str, program: str, file: str) -> None:
    (text,) = blocks(README, language)
    (tmp_path / file).write_text(text)
    assert "succeeded" in run([program, file], tmp_path, service.url)
    with Image.open(tmp_path / "lighthouse.webp") as image:
        assert image.size == (1024, 1024)


def test_it_names_this_version() -> None:
    assert f"| version | {VERSION}," in README.read_text()
