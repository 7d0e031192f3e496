"""What a file says of itself, and that nothing else is changed in it."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from jobs.files.images import verify
from jobs.files.metadata.label import LIMIT, Label, label_of
from jobs.files.metadata.rewrite import rewrite
from jobs.model import Job, Recipe
from providers.echo.painting import paint

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
JOB = Job(
    id="job_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    owner="key_ann",
    user="key_ann/bob",
    model="flux-schnell",
    route=("scripted",),
    provider="scripted",
    given={"prompt": "a fox"},
    input={"prompt": "a fox, <red> & 大きい", "width": 64, "height": 48, "num_inference_steps": 2, "seed": 0, "randomize_seed": True},
    metadata={"user": "bob"},
    created_at=1_795_186_218.25,
)  # fmt: skip
RECIPE = Recipe(
    model="scripted-1",
    space="me/painter",
    url="https://me-painter.hf.space",
    revision="0123abc",
    fixed={"seed": 7, "randomize_seed": False},
    version="9.9.9",
    job_id=JOB.id,
    at=JOB.created_at,
)
LABEL = label_of(JOB, RECIPE, 0, 7)
SECRET = "taken at 52.5200 N 13.4050 E by ann"


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A picture with much in it that is nobody's business."""
    picture = Image.open(io.BytesIO(paint("a fox", 7, 64, 48)))
    if mode == "RGBA":
        picture.putalpha(picture.convert("L"))
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif[0x0112] = options.pop("orientation", 1)
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", SECRET)
    text.add_itxt("Comment", SECRET, zip=True)
    special: dict[str, dict[str, Any]] = {"PNG": {"pnginfo": text}, "JPEG": {"comment": SECRET}, "WEBP": {}}
    extra = special[kind]
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{SECRET}</x:xmpmeta>'.encode()
    if kind != "PNG":
        extra["xmp"] = packet
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, kind, exif=exif, **extra, **options)
    return buffer.getvalue() + b"<script>" + SECRET.encode()


FILES = {
    "png": saved("PNG"),
    "png-alpha": saved("PNG", "RGBA"),
    "png-palette": saved("PNG", "P", transparency=0),
    "png-grey": saved("PNG", "L"),
    "png-16": saved("PNG", "I;16"),
    "png-profile": saved("PNG", icc_profile=PROFILE, dpi=(300, 300), gamma=0.5),
    "jpeg": saved("JPEG", quality=90),
    "jpeg-progressive": saved("JPEG", progressive=True, icc_profile=PROFILE),
    "jpeg-restarts": saved("JPEG", restart_marker_rows=1, subsampling=0),
    "jpeg-grey": saved("JPEG", "L", dpi=(300, 300)),
    "jpeg-cmyk": saved("JPEG", "CMYK"),
    "webp": saved("WEBP", quality=80),
    "webp-lossless": saved("WEBP", lossless=True),
    "webp-alpha": saved("WEBP", "RGBA", quality=80, icc_profile=PROFILE),
    "webp-alpha-lossless": saved("WEBP", "RGBA", lossless=True),
}
NAMES = pytest.mark.parametrize("name", FILES)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def read_parameters(picture: Image.Image) -> str:
    """As tools for generated pictures do."""
    if picture.format == "PNG":
        return str(picture.info["parameters"])
    comment: bytes = picture.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    return comment[8:].decode("utf-16-be")


def read_recipe(picture: Image.Image) -> Any:
    if picture.format == "PNG":
        return json.loads(picture.info["darkroom"])
    found = ET.fromstring(picture.info["xmp"]).find(".//{urn:darkroom:}recipe")
    assert found is not None
    return json.loads(found.text or "")


# -- the pixels stay ----------------------------------------------------------


@NAMES
@pytest.mark.parametrize("label", [LABEL, None], ids=["label", "none"])
def test_the_picture_is_the_same_and_all_else_is_gone(name: str, label: Label | None) -> None:
    before, after = opened(FILES[name]), opened(rewrite(FILES[name], label))
    assert (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
    assert after.tobytes() == before.tobytes()
    # Where EXIF is there but names no density, Pillow says 72.
    for kept in ("icc_profile", "transparency", "gamma", "jfif_density", *(["dpi"] if name == "png-profile" else [])):
        assert after.info.get(kept) == before.info.get(kept)
    made = rewrite(FILES[name], label)
    for trace in (b"52.5200", b"<script>", b"workflow", zlib.compress(SECRET.encode())[2:-4]):
        assert trace not in made
    assert verify(made).width == 64


@NAMES
def test_without_a_label_a_file_says_nothing(name: str) -> None:
    after = opened(rewrite(FILES[name], None))
    assert not after.getexif()
    assert not {"parameters", "darkroom", "xmp", "comment", "exif"} & set(after.info)


@NAMES
def test_the_same_label_gives_the_same_bytes_also_on_a_file_that_has_one(name: str) -> None:
    once = rewrite(FILES[name], LABEL)
    assert rewrite(FILES[name], LABEL) == once
    assert rewrite(once, LABEL) == once
    assert rewrite(rewrite(once, None), LABEL) == once


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_picture_that_is_to_be_turned_stays_so(kind: str) -> None:
    for label in (LABEL, None):
        assert opened(rewrite(saved(kind, orientation=6), label)).getexif()[0x0112] == 6


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_file_grows_by_little(kind: str) -> None:
    bare = rewrite(saved(kind), None)
    assert len(rewrite(saved(kind), LABEL)) - len(bare) < 1700


# -- what it says -------------------------------------------------------------


@NAMES
def test_tools_read_how_it_was_made(name: str) -> None:
    picture = opened(rewrite(FILES[name], LABEL))
    assert read_parameters(picture) == (
        "a fox, <red> & 大きい\n"
        "Steps: 2, Seed: 7, Size: 64x48, Model: scripted-1, Provider: scripted, Version: Darkroom 9.9.9"
    )
    assert read_recipe(picture) == {
        "model": "scripted-1",
        "provider": "scripted",
        "space": "me/painter",
        "url": "https://me-painter.hf.space",
        "revision": "0123abc",
        "input": {**JOB.input, "seed": 7, "randomize_seed": False},
        "job_id": JOB.id,
        "created_at": "2026-11-20T14:50:18.250Z",
        "darkroom": "9.9.9",
        "index": 0,
    }
    if picture.format != "PNG":
        assert picture.getexif()[0x0131] == "Darkroom 9.9.9"


def test_it_says_nothing_of_who_asked() -> None:
    assert "ann" not in LABEL.recipe + LABEL.parameters
    assert "bob" not in LABEL.recipe + LABEL.parameters


def test_an_address_in_the_input_may_hold_a_secret_and_stays_out() -> None:
    given = {
        "prompt": "https://example.com in a frame",
        "image": "https://example.com/a.png?token=x",
        "images": ["sha256:ab", "https://example.com/b.png?token=x"],
        "messages": [{"role": "user", "content": [{"image_url": {"url": "https://example.com/c.png?token=x"}}]}],
        "mask": "sha256:ab",
        "masks": ["sha256:ab"],
    }
    label = label_of(Job(**{**fields(JOB), "input": given}), RECIPE, 0, None)
    assert set(json.loads(label.recipe)["input"]) == {"prompt", "mask", "masks", "seed", "randomize_seed"}
    assert "token" not in label.parameters


def test_a_recipe_that_is_too_long_loses_its_longest_parameters() -> None:
    for prompt in ("&" * 70_000, "大" * 20_000, "x" * 40_000):
        label = label_of(Job(**{**fields(JOB), "input": {"prompt": prompt, "width": 64}}), RECIPE, 0, 7)
        assert set(json.loads(label.recipe)["input"]) == {"width", "seed", "randomize_seed"}
        assert label.size <= LIMIT
    label = label_of(Job(**{**fields(JOB), "input": {"prompt": "大" * 9_000}}), RECIPE, 0, 7)
    for name in ("jpeg", "webp", "png"):
        assert read_recipe(opened(rewrite(FILES[name], label)))["input"]["prompt"] == "大" * 9_000


def test_values_with_commas_are_quoted_and_a_negative_prompt_has_its_line() -> None:
    given = {"prompt": "two\nlines", "negative_prompt": "blur", "guidance_scale": 3.5}
    recipe = Recipe(model="a, b", version="1", job_id=JOB.id, at=0)
    label = label_of(Job(**{**fields(JOB), "input": given}), recipe, 0, None)
    assert label.parameters == (
        'two\nlines\nNegative prompt: blur\nCFG scale: 3.5, Model: "a, b", Provider: scripted, Version: Darkroom 1'
    )


def fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__struct_fields__}


# -- hostile files ------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_a_broken_file_is_never_more_than_a_broken_file(name: str, data: st.DataObject) -> None:
    whole = FILES[name]
    at = data.draw(st.integers(0, len(whole)))
    patch = data.draw(st.binary(max_size=8))
    for broken in (whole[:at], whole[:at] + patch + whole[at + len(patch) :]):
        made = rewrite(broken, LABEL)
        assert len(made) <= len(broken) + 4 * LIMIT
        assert rewrite(made, LABEL) == made


@pytest.mark.parametrize(
    "data",
    [
        b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x00", b"RIFF\0\0\0\0WEBP",
        b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff", b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0" + b"\0" * 10,
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**32 - 1) + b"IHDR" + b"\0" * 40,
    ],
)  # fmt: skip
def test_what_is_no_picture_does_no_harm(data: bytes) -> None:
    assert len(rewrite(data, LABEL)) < 4 * LIMIT


def test_no_file_takes_long_to_take_apart() -> None:
    size = 2 << 20
    scan = FILES["jpeg"].split(b"\xff\xda")[0] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    hostile = [
        b"\xff\xd8" + b"\xff" * size,
        scan + b"\xff" * size,
        scan + b"\xff\x00" * (size // 2),
        b"\xff\xd8" + b"\xff\xe1\x00\x02" * (size // 4),
        b"\x89PNG\r\n\x1a\n" + (struct.pack(">I", 0) + b"tEXt" + b"\0" * 4) * (size // 12),
        b"RIFF" + struct.pack("<I", size) + b"WEBP" + (b"ABCD" + b"\0" * 4) * (size // 8),
    ]
    for data in hostile:
        started = time.process_time()
        rewrite(data, LABEL)
        assert time.process_time() - started < 5
