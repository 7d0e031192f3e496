"""What may be kept as a picture, and what may not."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.pictures import BYTES_LIMIT, BadPicture, Picture, shrink, verify


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *extra: bytes) -> bytes:
    """A PNG that claims a size; its pixels are missing or far too few."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def animated(kind: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_three_formats_are_taken(kind: str) -> None:
    assert verify(picture(kind)) == Picture(f"image/{kind.lower()}", 40, 30)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_all_kinds_of_pixels_are_taken_and_shrunk(mode: str) -> None:
    data = picture("PNG", mode=mode)
    assert verify(data).width == 40
    assert verify(shrink(data, 16, 64 << 10)) == Picture("image/webp", 16, 12)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not found</html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"GIF89a" + b"\0" * 50,
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("PNG")[:50],
        picture("JPEG")[:200],
        picture("WEBP")[:40],
        animated("PNG"),
        animated("WEBP"),
        animated("GIF"),
        png_of(50_000, 50_000),
        png_of(12_000, 12_000),
        png_of(9_000, 9_000),
        png_of(4_097, 10),
        png_of(100, 100),
        png_of(0, 10),
        png_of(40, 30, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * (80 << 20)))),
        b"\0" * (BYTES_LIMIT + 1),
    ],
    ids=[
        "empty", "html", "svg", "pdf", "eps", "gif header", "gif", "bmp", "tiff", "cut png", "cut jpeg", "cut webp",
        "animated png", "animated webp", "animated gif", "bomb", "bomb that Pillow warns of", "bomb that is silent",
        "one side too long", "too few pixels", "no width", "text bomb", "too many bytes",
    ],
)  # fmt: skip
def test_what_is_no_picture_that_may_be_kept_is_refused(data: bytes) -> None:
    for use in (verify, lambda data: shrink(data, 64, 1000)):
        with pytest.raises(BadPicture):
            use(data)


def test_a_polyglot_is_judged_by_its_pixels_and_served_as_what_they_are() -> None:
    assert verify(picture("PNG") + b"<script>alert(1)</script>").content_type == "image/png"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_a_damaged_picture_is_taken_or_refused_and_nothing_else(kind: str, hits: list[tuple[float, int]]) -> None:
    data = bytearray(picture(kind))
    for place, byte in hits:
        data[int(place * (len(data) - 1))] = byte
    with suppress(BadPicture):
        assert verify(bytes(data)).width <= 4096


def test_a_preview_is_small_whatever_comes_in() -> None:
    noise = Image.effect_noise((900, 700), 100).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    for limit in (64 << 10, 4 << 10, 600):
        small = shrink(buffer.getvalue(), 512, limit)
        assert len(small) <= limit
        assert verify(small).width <= 512


def test_many_threads_at_once_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    data = picture("PNG", (600, 600))

    def work(use: Callable[[bytes], object] = verify) -> None:
        for _ in range(10):
            use(data)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
