"""Images of providers: made ours where that loses nothing that counts, and kept as they came where it would.

A still PNG, JPEG or WebP keeps its pixels and gets the recipe; a still GIF, AVIF, BMP or plain TIFF becomes a PNG; what
moves, has several pages or more than eight bits a colour, and an SVG, stays as it is. Of what stays the first frame is
decoded as a check, except of an SVG: that is never drawn here, and served so that it never runs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from jobs.files import images
from jobs.files.image_terms import CONTENT_TYPES, BadImage
from jobs.files.images import LARGE_PIXELS, LARGE_SIDE
from resilience import foreign

_SVG: Final = "image/svg+xml"
#: Modes of pixels that a PNG of ours has room for.
_PLAIN: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """An image as it is kept, its sides in pixels, and what was done to it, in words (None: nothing)."""

    data: bytes
    content_type: str
    width: int | None = None
    height: int | None = None
    done: str | None = None


def adopt(
    data: bytes, content_type: str, pixels: int, rewrite: Callable[[bytes], bytes] = lambda data: data
) -> Adopted:
    """A provider's image as it is kept.

    Args:
        data: Its file.
        content_type: By its signature.
        pixels: Most pixels; a larger image is made smaller if it can be decoded.
        rewrite: Puts our own metadata in place of an image's that is made ours.

    Raises:
        BadImage: It is broken, or too large to be decoded.
    """
    if content_type == _SVG:
        return Adopted(data=data, content_type=content_type)
    with foreign(lambda _: BadImage("the file is broken, or no image that is known here"), unless=(BadImage,)):
        image = Image.open(io.BytesIO(data), formats=(*CONTENT_TYPES, *images.OTHERS))
        size, kind = image.size, images.format_name(image)
        if max(size) > LARGE_SIDE or math.prod(size) > LARGE_PIXELS:
            raise BadImage(f"the image is {size[0]}x{size[1]} pixels; more than {LARGE_PIXELS} are not decoded")
        if _stays(image, kind):
            return _as_it_is(image, data, content_type, pixels)
        if kind == "JPEG" and images.scans_in(io.BytesIO(data)) > images.SCANS_LIMIT:
            raise BadImage(f"the image has too many scans; the limit is {images.SCANS_LIMIT}")
    pixels = min(pixels, LARGE_PIXELS)
    done = None
    if kind not in CONTENT_TYPES or math.prod(size) > pixels:
        made = kind if kind in CONTENT_TYPES else "PNG"
        with images.permit(math.prod(size)), foreign(lambda _: BadImage(f"the {kind} is broken")):
            data, kept = _made_anew(image, made, pixels)
        done = f"came as {kind} of {size[0]}x{size[1]} pixels, and is kept as {made} of {kept[0]}x{kept[1]}"
    data = rewrite(data)
    info = images.verify(data, pixels)
    return Adopted(data=data, content_type=info.content_type, width=info.width, height=info.height, done=done)


def _stays(image: Image.Image, kind: str) -> bool:
    """Whether an image of ours would lack something that this one has."""
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return True
    return kind == "TIFF" and image.mode not in _PLAIN


def _as_it_is(image: Image.Image, data: bytes, content_type: str, pixels: int) -> Adopted:
    size = image.size
    if math.prod(size) > pixels:
        raise BadImage(f"the image is {size[0]}x{size[1]} pixels; the limit is {pixels}, and it cannot be made smaller")
    with images.permit(math.prod(size)):
        image.seek(0)
        image.load()
    return Adopted(data=data, content_type=content_type, width=size[0], height=size[1])


def _made_anew(image: Image.Image, kind: str, pixels: int) -> tuple[bytes, tuple[int, int]]:
    """Encode a still image again with at most ``pixels`` pixels. Returns its file and its sides."""
    if image.mode in {"1", "P", "PA"}:
        # Pillow makes these smaller by leaving pixels out.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    part = min(1.0, math.sqrt(pixels / math.prod(image.size)))
    if part < 1.0:
        sides = (max(1, math.floor(side * part)) for side in image.size)
        image.thumbnail((next(sides), next(sides)), Image.Resampling.LANCZOS, reducing_gap=2.0)
    made = images.in_srgb(images.upright(image))
    if kind == "JPEG":
        made = images.on_white(made)
    made.info = {}
    buffer = io.BytesIO()
    made.save(buffer, kind, **images.ENCODING[kind])
    return buffer.getvalue(), made.size
