"""Images: which files may be kept and shown, and copies of them. Pillow decides, never a name or a header.

A hostile file can claim any size, or go over its pixels any number of times:
both are checked before a pixel is decoded. The bounds on pixels are well below
those at which Pillow itself would warn of a bomb.
"""

from __future__ import annotations

import io
import re
import threading
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, ImageCms

from jobs.files.orientation import orientation_of
from media import IMAGE_FORMATS
from resilience import foreign

#: What is accepted, and how it is served.
CONTENT_TYPES: Final = {entry.name: entry.content_type for entry in IMAGE_FORMATS}
#: Longest side of an accepted image, in pixels.
SIDE_LIMIT: Final = 4096
#: Largest accepted file, in bytes.
BYTES_LIMIT: Final = 32 << 20
#: Largest image of an input, in bytes, as the client sends it.
INPUT_LIMIT: Final = 20 << 20

#: Most scans of a JPEG: progressive ones have about ten. Each goes over all pixels, and 33 bytes are one.
SCANS_LIMIT: Final = 100
#: The header of a scan, with each length that libjpeg takes: its five bytes stand nowhere else but by chance.
_SCAN: Final = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")

#: How a job's input names an image that is kept with the job: this, and its SHA-256.
KEPT: Final = "sha256:"

#: Largest colour profile that is applied, in bytes.
_PROFILE_LIMIT: Final = 1 << 20
#: What makes an image upright, by its EXIF orientation (JEITA CP-3451, 4.6.4).
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: How an image of an input is encoded again: as close to the original as the format allows.
_ENCODING: Final[dict[str, dict[str, int]]] = {
    "PNG": {"compress_level": 4},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "method": 2},
}

#: How a copy for display is encoded.
_COPY: Final[dict[str, dict[str, int]]] = {
    "PNG": {"compress_level": 6},
    "JPEG": {"quality": 85},
    "WEBP": {"quality": 85, "method": 2},
}

#: Images that are decoded at once, for any number of threads: the largest one takes 64 MB.
_decoders = threading.BoundedSemaphore(4)


class BadImage(ValueError):
    """The file is not an image that may be kept; the text says why."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """The content type of a verified image, and its sides in pixels."""

    content_type: str
    width: int
    height: int


def verify(data: bytes) -> ImageInfo:
    """Decode an image completely.

    Raises:
        BadImage: It is broken, too large, animated, or of another format.
    """
    with _decoders:
        image = _open(io.BytesIO(data), BYTES_LIMIT)
        return ImageInfo(CONTENT_TYPES[_format(image)], image.width, image.height)


def clean(source: bytes | BinaryIO) -> tuple[bytes, ImageInfo]:
    """Make an image of an input anew from its pixels alone.

    The result is upright and in sRGB. Place, camera, colour profile, thumbnails, texts and all else that the file held
    are gone.

    Raises:
        BadImage: See :func:`verify`; at most :data:`INPUT_LIMIT` bytes are taken.
    """
    with _decoders:
        image = _open(io.BytesIO(source) if isinstance(source, bytes) else source, INPUT_LIMIT)
        kind = _format(image)
        pixels = _in_srgb(_upright(image))
        if kind == "JPEG" and pixels.mode not in {"L", "RGB"}:
            pixels = pixels.convert("RGB")
        # Some encoders write again what was read beside the pixels.
        pixels.info = {}
        buffer = io.BytesIO()
        pixels.save(buffer, kind, **_ENCODING[kind])
    data = buffer.getvalue()
    if len(data) > BYTES_LIMIT:
        raise BadImage(f"the image has {len(data)} bytes when it is encoded again; send a smaller one")
    return data, ImageInfo(CONTENT_TYPES[kind], *pixels.size)


def _upright(image: Image.Image) -> Image.Image:
    turn = _UPRIGHT.get(orientation_of(image.getexif) or 1)
    return image if turn is None else image.transpose(turn)


def _in_srgb(image: Image.Image) -> Image.Image:
    """The image without a colour profile, in a mode that every app takes."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # 16 bits a pixel: a plain conversion would cut them off at 255.
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.mode in {"1", "P", "PA", "LA"} or image.has_transparency_data:
        plain = "RGBA" if image.has_transparency_data else "L" if image.mode == "1" else "RGB"
        image = image.convert(plain)
    if isinstance(profile, bytes) and 0 < len(profile) <= _PROFILE_LIMIT:
        target = "RGBA" if image.mode == "RGBA" else "RGB"
        try:
            found = ImageCms.profileToProfile(
                image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode=target
            )
        except (ImageCms.PyCMSError, ValueError):
            # A broken profile, or one for other pixels, counts as none.
            found = None
        image = found or image
    return image if image.mode in {"L", "RGB", "RGBA"} else image.convert("RGB")


def convert(source: BinaryIO, kind: str, width: int | None = None) -> bytes:
    """A copy of an image, upright and in sRGB, without anything else that its file held.

    Args:
        source: The file.
        kind: PNG, JPEG (transparent parts become white) or WEBP.
        width: The most pixels of its width; None: as wide as the image.

    Raises:
        BadImage: See :func:`verify`.
    """
    with _decoders:
        image = _in_srgb(_upright(_open(source, BYTES_LIMIT)))
        if width is not None and width < image.width:
            height = max(1, round(image.height * width / image.width))
            image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        if kind == "JPEG" and image.mode == "RGBA":
            opaque = Image.new("RGB", image.size, "white")
            opaque.paste(image, mask=image)
            image = opaque
        image.info = {}
        buffer = io.BytesIO()
        image.save(buffer, kind, **_COPY[kind])
    return buffer.getvalue()


def shrink(data: bytes, side: int, limit: int) -> bytes:
    """A small WebP of an image: at most ``side`` pixels a side and ``limit`` bytes.

    Raises:
        BadImage: See :func:`verify`.
    """
    with _decoders:
        image = _open(io.BytesIO(data), BYTES_LIMIT).convert("RGB")
        image.thumbnail((side, side))
    while True:
        for quality in (80, 60, 40, 20):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=2)
            if buffer.tell() <= limit or max(image.size) == 1:
                return buffer.getvalue()
        image = image.reduce(2)


def _format(image: Image.Image) -> str:
    """The format; MPO, which is a JPEG with a second image (of depth, of brightness) behind it, counts as JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def _open(source: BinaryIO, limit: int) -> Image.Image:
    size = source.seek(0, io.SEEK_END)
    if size > limit:
        raise BadImage(f"the image has {size} bytes; the limit is {limit}")
    with foreign(lambda _: BadImage("the file is not a PNG, JPEG or WebP image, or is broken"), unless=(BadImage,)):
        image = Image.open(source, formats=tuple(CONTENT_TYPES))
        if max(image.size) > SIDE_LIMIT:
            raise BadImage(f"the image is {image.width}x{image.height} pixels; the limit is {SIDE_LIMIT} a side")
        if getattr(image, "n_frames", 1) != 1 and image.format != "MPO":
            raise BadImage("the image is animated; send one of its frames")
        if _format(image) == "JPEG" and _scans(source) > SCANS_LIMIT:
            raise BadImage(f"the image has too many scans; the limit is {SCANS_LIMIT}")
        image.load()
    return image


def _scans(source: BinaryIO) -> int:
    """The most scans that a decoder may find in a JPEG, also behind its end."""
    source.seek(0)
    return sum(1 for _ in _SCAN.finditer(source.read()))
