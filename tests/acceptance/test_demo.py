"""``darkroom demo --exit``: the whole service with a real Gradio app, and one picture."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from jobs.version import VERSION
from tests.spaces import environments
from tests.support.installation import ROOT, Installation

pytestmark = [pytest.mark.acceptance, pytest.mark.live, pytest.mark.timeout(240)]

_PAINT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from picture import paint
for prompt, seed, target in json.loads(sys.argv[2]):
    paint(prompt, seed, 256, 256).save(target)
"""


def test_the_demo_saves_a_picture_and_ends(tmp_path: Path) -> None:
    environments.require("6")
    demo = Installation(tmp_path / "data", "demo", "--exit").start()
    try:
        assert demo.process.wait(timeout=200) == 0, "\n".join(demo.output)
    finally:
        demo.close()
    with Image.open(tmp_path / "darkroom-demo.webp") as image:
        image.load()
        assert (image.format, image.size) == ("WEBP", (1024, 1024))
        assert len(set(image.convert("RGB").resize((64, 64)).tobytes())) > 100
        # As a tool for generated pictures reads it, and as one that knows us does.
        comment: bytes = image.getexif().get_ifd(0x8769)[0x9286]
        packet = ET.fromstring(image.info["xmp"])
    prompt, _, pairs = comment.removeprefix(b"UNICODE\0").decode("utf-16-be").rpartition("\n")
    assert prompt
    assert "Steps: 28, " in pairs
    assert "Size: 1024x1024, " in pairs
    told = packet.find(".//{urn:darkroom:}recipe")
    assert told is not None
    recipe = json.loads(told.text or "")
    assert (recipe["input"]["prompt"], recipe["darkroom"]) == (prompt, VERSION)
    # The Space chose the seed, and the demo's app runs at an address that is nobody's business.
    assert f"Seed: {recipe['input']['seed']}, " in pairs
    assert recipe["input"]["randomize_seed"] is False
    assert "127.0.0.1" not in json.dumps(recipe)
    shown = "\n".join(demo.output)
    assert "step 28 of 28" in shown or "step 27 of 28" in shown
    assert "saved darkroom-demo.webp" in shown
    assert list(tmp_path.glob("darkroom-demo.preview.*"))
    assert demo.leftovers() == []


def _paint(folder: Path, *wanted: tuple[str, int]) -> list[bytes]:
    targets = [folder / f"{number}.png" for number in range(len(wanted))]
    jobs = json.dumps([(*one, str(target)) for one, target in zip(wanted, targets, strict=True)])
    demo = str(ROOT / "examples" / "demo_space")
    subprocess.run([str(environments.interpreter("6")), "-c", _PAINT, demo, jobs], check=True)
    return [target.read_bytes() for target in targets]


def test_the_same_words_and_seed_give_the_same_picture_and_others_another(tmp_path: Path) -> None:
    environments.require("6")
    prompts = [
        "a lighthouse",
        "a forest at night",
        "desert dunes",
        "a city in a storm",
        "snowy mountains at dawn",
        "",
        "kaffe",
    ]
    wanted = [(prompt, 1) for prompt in prompts]
    *pictures, same, other = _paint(tmp_path, *wanted, (prompts[0], 1), (prompts[0], 2))
    assert len(set(pictures)) == len(prompts)
    assert same == pictures[0]
    assert other != pictures[0]
