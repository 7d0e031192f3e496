"""Is this a picture that may be kept and shown? Pillow decides, never a name or a header.

A hostile file can claim any size: the pixel bounds are checked on the header,
before a pixel is decoded. They are well below those at which Pillow itself
would warn of a bomb.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import Final

from PIL import Image

#: What is accepted, and how it is served.
CONTENT_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
#: Longest side of an accepted picture, in pixels.
SIDE_LIMIT: Final = 4096
#: Largest accepted file, in bytes.
BYTES_LIMIT: Final = 32 << 20

#: A decoded picture of the largest size takes 64 MB: so many at once, whatever the number of threads.
_decoders = threading.BoundedSemaphore(4)


class BadPicture(ValueError):
    """The bytes are no picture that may be kept; the text says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a verified picture is; sides in pixels."""

    content_type: str
    width: int
    height: int


def verify(data: bytes) -> Picture:
    """Decode a picture completely and say what it is.

    Raises:
        BadPicture: It is broken, too large, animated, or of another format.
    """
    with _decoders:
        image = _open(data)
        return Picture(CONTENT_TYPES[str(image.format)], image.width, image.height)


def shrink(data: bytes, side: int, limit: int) -> bytes:
    """A small WebP of a picture: at most ``side`` pixels a side and ``limit`` bytes.

    Raises:
        BadPicture: See :func:`verify`.
    """
    with _decoders:
        image = _open(data).convert("RGB")
        image.thumbnail((side, side))
    while True:
        for quality in (80, 60, 40, 20):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=2)
            if buffer.tell() <= limit or max(image.size) == 1:
                return buffer.getvalue()
        image = image.reduce(2)


def _open(data: bytes) -> Image.Image:
    if len(data) > BYTES_LIMIT:
        raise BadPicture(f"the picture has {len(data)} bytes; at most {BYTES_LIMIT} are taken")
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(CONTENT_TYPES))
        if max(image.size) > SIDE_LIMIT:
            raise BadPicture(f"the picture is {image.width}x{image.height}; at most {SIDE_LIMIT} a side are taken")
        if getattr(image, "n_frames", 1) != 1:
            raise BadPicture("the picture is animated")
        image.load()
    except BadPicture:
        raise
    except Exception as error:
        raise BadPicture("the file is no PNG, JPEG or WebP picture, or is broken") from error
    return image
