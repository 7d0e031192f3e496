"""docs/how-to/add-a-provider.md: its files and commands do what it says."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import providers.drivers
from providers import config_file
from providers.__main__ import main
from providers.catalog import Catalog
from tests.spaces.launcher import Spaces
from tests.support.pages import HOW_TO, blocks

pytestmark = pytest.mark.live

PAGE = HOW_TO / "add-a-provider.md"
ADDRESS = "http://127.0.0.1:7860"
PREFIX = "./run python -m providers "
#: Tried in tests/integration/providers/test_adding.py.
OTHERS = "./run darkroom providers "


def commands() -> list[list[str]]:
    """The words of all commands that are tried here, without the program."""
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert all(line.startswith((PREFIX, OTHERS)) for line in lines)
    return [shlex.split(line.removeprefix(PREFIX)) for line in lines if line.startswith(PREFIX)]


def test_the_page_holds_what_is_tried_here() -> None:
    assert [words[:2] for words in commands()] == [
        ["show", "my-painter"],
        ["run", "my-painter"],
        ["run", "my-editor"],
        ["show", "lighthouse-keeper"],
        ["run", "lighthouse-keeper"],
    ]
    assert len(blocks(PAGE, "toml")) == 4
    assert "entry-points" in tomllib.loads(blocks(PAGE, "toml")[3])["project"]


def test_the_steps_of_the_page_make_a_provider() -> None:
    driver = Catalog.of(config_file.parse(blocks(PAGE, "toml")[2])).driver("my-modeler")
    assert [model.kind for model in driver.spec.models] == ["model"]


def test_the_way_in_toml(spaces: Spaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    painter, editor = blocks(PAGE, "toml")[:2]
    painter = painter.replace(ADDRESS, spaces.get("6", "flux_schnell.py").url)
    editor = editor.replace(ADDRESS, spaces.get("6", "filters.py").url)
    Path("providers.toml").write_text(painter + editor)
    for words in commands()[:3]:
        assert main(words) == 0
    with Image.open("lighthouse.webp") as image:
        assert image.size == (512, 768)
    with Image.open("changed.webp") as image:
        assert image.size == (512, 768)


def test_the_way_in_python(spaces: Spaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = spaces.get("6", "flux_schnell.py")
    (tmp_path / "lighthouse_keeper.py").write_text(blocks(PAGE, "python")[0].replace(ADDRESS, space.url))
    monkeypatch.setattr(providers.drivers, "__path__", [*providers.drivers.__path__, str(tmp_path)])
    for words in commands()[3:]:
        assert main(words) == 0
    with Image.open("storm.webp") as image:
        assert image.size == (256, 256)
    arguments = space.notes()[-1]["arguments"]
    assert isinstance(arguments, dict)
    assert arguments["prompt"] == "a lighthouse, in a storm"
