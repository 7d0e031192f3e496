"""What becomes of a provider's image: ours, or kept as it came."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from jobs.files.adopt import Adopted, adopt
from jobs.files.image_terms import BadImage, ImageInfo
from jobs.files.images import verify
from media import DEFAULT_LIMITS, HEAD, recognise
from tests.support.sample_images import animated_image, oversized_png, plain_image

SVG = b'<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def adopted(data: bytes, pixels: int = DEFAULT_LIMITS.image_pixels) -> Adopted:
    return adopt(data, recognise(data[:HEAD]).content_type, pixels)


def encoded(kind: str, mode: str, **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (40, 30)).save(buffer, kind, **more)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_may_be_kept_is_left_as_it_is(kind: str) -> None:
    found = adopted(plain_image(kind))
    assert (found.content_type, found.width, found.height, found.done) == (f"image/{kind.lower()}", 40, 30, None)


@pytest.mark.parametrize("kind", ["GIF", "AVIF", "BMP", "TIFF"])
def test_a_still_picture_of_another_format_becomes_a_png(kind: str) -> None:
    found = adopted(plain_image(kind))
    assert verify(found.data) == ImageInfo("image/png", 40, 30)
    assert found.done is not None
    assert kind in found.done


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_moves_stays_as_it_is(kind: str) -> None:
    data = animated_image(kind)
    found = adopted(data)
    assert (found.data, found.content_type, found.done) == (data, f"image/{kind.lower()}", None)
    assert found.width is not None


@pytest.mark.parametrize("mode", ["F", "I;16", "CMYK"])
def test_a_tiff_that_a_png_has_no_room_for_stays_as_it_is(mode: str) -> None:
    data = encoded("TIFF", mode)
    assert adopted(data) == Adopted(data=data, content_type="image/tiff", width=40, height=30)


def test_a_tiff_of_several_pages_stays_as_it_is() -> None:
    data = encoded("TIFF", "RGB", save_all=True, append_images=[Image.new("RGB", (40, 30), "red")])
    assert adopted(data).data == data


def test_an_svg_is_never_drawn() -> None:
    assert adopted(SVG) == Adopted(data=SVG, content_type="image/svg+xml")


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "P"), ("PNG", "RGBA"), ("PNG", "1"), ("JPEG", "RGB"), ("JPEG", "CMYK")]
)
def test_a_larger_picture_is_made_smaller(kind: str, mode: str) -> None:
    found = adopted(plain_image(kind, (500, 100), mode=mode), pixels=12_500)
    assert verify(found.data) == ImageInfo(f"image/{kind.lower()}", 250, 50)
    assert found.done == f"came as {kind} of 500x100 pixels, and is kept as {kind} of 250x50"


def test_an_upscalers_picture_is_kept_whole() -> None:
    data = encoded("PNG", "1")
    wide = io.BytesIO()
    Image.new("1", (7680, 4320)).save(wide, "PNG")
    assert adopted(data).width == 40
    found = adopted(wide.getvalue())
    assert (found.width, found.height, found.done) == (7680, 4320, None)


@pytest.mark.parametrize("size", [(50_000, 50_000), (12_000, 12_000), (16_385, 10)])
def test_a_bomb_is_not_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(BadImage):
        adopted(oversized_png(*size))


@pytest.mark.parametrize(
    "data",
    [b"GIF89a" + b"\0" * 50, plain_image("PNG")[:50], oversized_png(5000, 5000), animated_image("GIF")[:40]],
    ids=["gif header", "cut", "too few pixels", "cut film"],
)
def test_what_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage):
        adopted(data)


def test_what_moves_has_a_limit_too() -> None:
    with pytest.raises(BadImage, match="cannot be made smaller"):
        adopted(animated_image("GIF"), pixels=10)
