"""docs/how-to/write-a-plugin.md: its package, as if installed, and its commands."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from PIL import Image

from tests.support.pages import HOW_TO, ROOT, blocks, run

PAGE = HOW_TO / "write-a-plugin.md"


def install(folder: Path) -> None:
    """Put the page's module and its entry points where an installer puts them."""
    # What follows on the page is a plug-in of another kind: tests/integration/web/test_every_kind.py.
    driver, project = blocks(PAGE, "python")[0], tomllib.loads(blocks(PAGE, "toml")[0])
    (folder / f"{project['tool']['setuptools']['py-modules'][0]}.py").write_text(driver)
    names = project["project"]
    metadata = folder / f"{names['name'].replace('-', '_')}-{names['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names['name']}\nVersion: {names['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in names["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("".join(lines))


def test_the_plugin_of_the_page_makes_an_image(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site)
    script = "set -eu\n" + "".join(blocks(PAGE, "sh")).replace("python -m", f"{sys.executable} -P -m")
    printed = run(["sh", "-c", script], tmp_path, "http://127.0.0.1:1", PYTHONPATH=f"{site}:{ROOT}")
    assert "Solid colours" in printed
    assert "colour.png" in printed
    with Image.open(tmp_path / "colour.png") as image:
        assert image.size == (128, 128)
