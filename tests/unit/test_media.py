"""Signatures: what a file is, whatever its name and its app say."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings
from media import (
    DEFAULT_LIMITS,
    FORMATS,
    KINDS,
    UNKNOWN,
    Format,
    OutputKind,
    OutputLimits,
    kind_of,
    recognise,
    register,
    suffix_of,
)
from media.signatures import starts
from providers.echo import samples
from tests.support.sample_images import animated_image, plain_image


def packed(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "x")
    return buffer.getvalue()


def boxes(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + b"isom" + b"mp41"


@pytest.mark.parametrize(
    ("data", "name", "content_type"),
    [
        (plain_image("PNG"), "a.jpg", "image/png"),
        (plain_image("JPEG"), "a", "image/jpeg"),
        (plain_image("WEBP"), "a", "image/webp"),
        (animated_image("GIF"), "a.png", "image/gif"),
        (plain_image("AVIF"), "a.png", "image/avif"),
        (plain_image("TIFF"), "a", "image/tiff"),
        (plain_image("BMP"), "a", "image/bmp"),
        (b"\n <!-- a --> <!DOCTYPE svg> <svg width='1'/>", "a.txt", "image/svg+xml"),
        (samples.film([plain_image("PNG")]), "a.mp4", "video/webm"),
        (boxes(b"mp42"), "a", "video/mp4"),
        (boxes(b"qt  "), "a", "video/quicktime"),
        (boxes(b"M4A "), "a", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", "a", "video/x-matroska"),
        (b"OggS" + b"\0" * 24 + b"\x80theora", "a", "video/ogg"),
        (b"OggS" + b"\0" * 24 + b"OpusHead", "a", "audio/ogg"),
        (samples.sound(0.1), "a.mp3", "audio/wav"),
        (b"ID3\x04", "a", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "a", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "a", "audio/aac"),
        (b"fLaC\0", "a", "audio/flac"),
        (samples.mesh(), "a.bin", "model/gltf-binary"),
        (b"ply\nformat ascii 1.0\n", "a", "model/x-ply"),
        (b'{"asset": {"version": "2.0"}}', "a.GLTF", "model/gltf+json"),
        (b"v 0 0 0\n", "a.obj", "model/obj"),
        (b"solid x\n", "a.stl", "model/stl"),
        (b"\0" * 64, "a.splat", "model/x-splat"),
        (packed("scene.usdc"), "a.zip", "model/vnd.usdz+zip"),
        (packed("3D/3dmodel.model"), "a", "model/3mf"),
        (packed("a.txt"), "a.glb", "application/zip"),
        (b"%PDF-1.7", "a", "application/pdf"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        (b"{}", "a.json", "application/json"),
        ("ä".encode(), "a.txt", "text/plain"),
        ("ä".encode("latin-1"), "a.txt", "application/octet-stream"),
        (b"<html><svg></svg></html>", "a.html", "application/octet-stream"),
        (b"\0\1\2", "a.safetensors", "application/octet-stream"),
        (b"", "a.png", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_first_bytes_say(data: bytes, name: str, content_type: str) -> None:
    assert recognise(data, name).content_type == content_type


def test_the_app_decides_only_where_a_container_can_hold_both() -> None:
    assert recognise(boxes(b"isom"), "a.m4a", "audio").content_type == "audio/mp4"
    assert recognise(samples.film([plain_image("PNG")]), "a", "audio").kind == "audio"
    assert recognise(plain_image("PNG"), "a", "video").kind == "image"
    assert recognise(b"<html>", "a.mp4", "video") is UNKNOWN


@given(st.binary(max_size=200), st.sampled_from(["", "a.stl", "a.csv", "a.obj"]))
def test_no_bytes_trouble_a_signature(data: bytes, name: str) -> None:
    assert recognise(data, name).content_type in FORMATS


@pytest.mark.parametrize("part", [b"<!-- -->", b"<!--", b" ", b"<!DOCTYPE a>", b"<?x?>"])
def test_no_text_keeps_a_signature_busy(part: bytes) -> None:
    began = time.process_time()
    assert recognise((part * 4096)[:4096]) is UNKNOWN
    assert time.process_time() - began < 0.5


def test_every_format_is_of_a_kind_and_every_suffix_leads_back() -> None:
    assert {row.kind for row in FORMATS.values()} <= set(KINDS)
    assert suffix_of("image/png; charset=x") == ".png"
    assert suffix_of("application/x-unheard-of") == ".bin"


def test_a_kind_is_added_in_a_few_lines_and_an_unknown_one_is_a_file() -> None:
    assert kind_of("midi") is KINDS["file"]
    with pytest.raises(ValueError, match="midi"):
        register(OutputKind(name="midi", plural="tunes"), [Format(kind="audio", content_type="a/b", suffixes=(".b",))])
    assert "midi" not in KINDS
    assert starts(b"b", at=1)(b"ab")


def test_the_limits_are_settings_and_a_provider_can_have_its_own() -> None:
    assert settings.load({}).outputs == DEFAULT_LIMITS
    names = {"outputs": "DARKROOM_OUTPUTS"} | {
        field: f"DARKROOM_OUTPUT_{field.upper()}" for field in OutputLimits.__dataclass_fields__ if field != "outputs"
    }
    found = settings.load({variable: str(number) for number, variable in enumerate(names.values(), start=5)}).outputs
    assert [getattr(found, field) for field in names] == list(range(5, 5 + len(names)))
    assert found.changed({"outputs": 7.0, "no_news": 3.0}).outputs == 7
    with pytest.raises(settings.SettingsError, match="DARKROOM_OUTPUTS"):
        settings.load({"DARKROOM_OUTPUTS": "none"})
