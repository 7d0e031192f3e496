"""Images: which files may be kept and shown, and copies of them. Pillow decides, never a name or a header.

A hostile file can claim any size, or go over its pixels any number of times:
both are checked before a pixel is decoded. The bounds on pixels are below those
at which Pillow itself would warn of a bomb.
"""

from __future__ import annotations

import io
import re
from _queue import SimpleQueue
from typing import BinaryIO, Final

from PIL import Image, ImageCms

from jobs.files.image_terms import CONTENT_TYPES, INPUT_LIMIT, SIDE_LIMIT, BadImage, ImageInfo
from jobs.files.orientation import orientation_of
from resilience import foreign

#: Most pixels of any image that is decoded, and its longest side. Above that Pillow itself would warn.
LARGE_PIXELS: Final = 89_000_000
LARGE_SIDE: Final = 16384
#: More formats that are decoded, to be copied or kept as another format.
OTHERS: Final = ("GIF", "AVIF", "TIFF", "BMP")
#: Largest accepted file, in bytes.
BYTES_LIMIT: Final = 32 << 20

#: Most scans of a JPEG: progressive ones have about ten. Each goes over all pixels, and 33 bytes are one.
SCANS_LIMIT: Final = 100
#: The header of a scan, with each length that libjpeg takes: its five bytes stand nowhere else but by chance.
_SCAN: Final = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")

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
#: Orientations whose upright image has the other sides.
_ON_ITS_SIDE: Final = frozenset({5, 6, 7, 8})
#: How an image of an input is encoded again: as close to the original as the format allows.
ENCODING: Final[dict[str, dict[str, int]]] = {
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

# All formats now, not at the first image: the web process decodes in system threads, and gevent's locks, with which
# modules are imported there, can lose a wake-up between two of them.
Image.init()


class _Permits:
    """A semaphore of the system's own, also where gevent has replaced those of threading, for the same reason."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def __enter__(self) -> None:
        self._free.get()

    def __exit__(self, *_: object) -> None:
        self._free.put(None)


#: Images that are decoded at once, for any number of threads: one of :data:`SIDE_LIMIT` a side takes 64 MB.
_decoders = _Permits(4)
#: The larger ones, one at a time: the largest takes 360 MB.
_large = _Permits(1)


def permit(pixels: int) -> _Permits:
    """A context in which one image with this number of pixels may be decoded."""
    return _decoders if pixels <= SIDE_LIMIT * SIDE_LIMIT else _large


def verify(data: bytes, pixels: int | None = None) -> ImageInfo:
    """Decode an image completely. Its sides are those of the upright image, as every copy has them.

    Args:
        data: The file.
        pixels: Most pixels, of an output; None: of an input, at most :data:`SIDE_LIMIT` a side.

    Raises:
        BadImage: It is broken, too large, animated, or of another format.
    """
    limit = BYTES_LIMIT if pixels is None else len(data)
    with permit(pixels or 0):
        image = _open(io.BytesIO(data), limit, pixels)
        width, height = image.size
        if orientation_of(image.getexif) in _ON_ITS_SIDE:
            width, height = height, width
        return ImageInfo(CONTENT_TYPES[format_name(image)], width, height)


def clean(source: bytes | BinaryIO) -> tuple[bytes, ImageInfo]:
    """Make an image of an input anew from its pixels alone.

    The result is upright and in sRGB. Place, camera, colour profile, thumbnails, texts and all else that the file held
    are gone.

    Raises:
        BadImage: See :func:`verify`; at most :data:`INPUT_LIMIT` bytes are taken.
    """
    with _decoders:
        image = _open(io.BytesIO(source) if isinstance(source, bytes) else source, INPUT_LIMIT)
        kind = format_name(image)
        pixels = in_srgb(upright(image))
        if kind == "JPEG" and pixels.mode not in {"L", "RGB"}:
            pixels = pixels.convert("RGB")
        # Some encoders write again what was read beside the pixels.
        pixels.info = {}
        buffer = io.BytesIO()
        pixels.save(buffer, kind, **ENCODING[kind])
    data = buffer.getvalue()
    if len(data) > BYTES_LIMIT:
        raise BadImage(f"the image has {len(data)} bytes when it is encoded again; send a smaller one")
    return data, ImageInfo(CONTENT_TYPES[kind], *pixels.size)


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF asks for."""
    turn = _UPRIGHT.get(orientation_of(image.getexif) or 1)
    return image if turn is None else image.transpose(turn)


def in_srgb(image: Image.Image) -> Image.Image:
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
    """A copy of a kept image, upright and in sRGB, without anything else that its file held. Of an animated one, a still.

    It is a PNG, a JPEG, where transparent parts become white, or a WEBP, and at most ``width`` pixels wide.

    Raises:
        BadImage: It is broken, or too large to be decoded.
    """
    with foreign(lambda _: BadImage("the image is broken"), unless=(BadImage,)):
        image = Image.open(source, formats=(*CONTENT_TYPES, *OTHERS))
        if image.width * image.height > LARGE_PIXELS:
            raise BadImage(f"the image has more than {LARGE_PIXELS} pixels")
        with permit(image.width * image.height):
            if width is not None and format_name(image) == "JPEG":
                # A JPEG can be decoded smaller, for less time and memory.
                image.draft(None, (2 * width, 1))
            image.load()
            return _copied(image, kind, width)


def _copied(image: Image.Image, kind: str, width: int | None) -> bytes:
    image = in_srgb(upright(image))
    if width is not None and width < image.width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if kind == "JPEG":
        image = on_white(image)
    image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, kind, **_COPY[kind])
    return buffer.getvalue()


def shrink(data: bytes, side: int, limit: int) -> bytes:
    """A small WebP of an image, upright, in sRGB and on white: at most ``side`` pixels a side and ``limit`` bytes.

    Raises:
        BadImage: See :func:`verify`.
    """
    with _decoders:
        image = on_white(in_srgb(upright(_open(io.BytesIO(data), BYTES_LIMIT)))).convert("RGB")
        image.thumbnail((side, side))
        image.info = {}
    while True:
        for quality in (80, 60, 40, 20):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=2)
            if buffer.tell() <= limit or max(image.size) == 1:
                return buffer.getvalue()
        image = image.reduce(2)


def on_white(image: Image.Image) -> Image.Image:
    """An image without alpha: what its transparent parts hide is not for eyes."""
    if image.mode != "RGBA":
        return image
    opaque = Image.new("RGB", image.size, "white")
    opaque.paste(image, mask=image)
    return opaque


def format_name(image: Image.Image) -> str:
    """The format; MPO, which is a JPEG with a second image (of depth, of brightness) behind it, counts as JPEG."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def _open(source: BinaryIO, limit: int, pixels: int | None = None) -> Image.Image:
    size = source.seek(0, io.SEEK_END)
    if size > limit:
        raise BadImage(f"the image has {size} bytes; the limit is {limit}")
    with foreign(lambda _: BadImage("the file is not a PNG, JPEG or WebP image, or is broken"), unless=(BadImage,)):
        image = Image.open(source, formats=tuple(CONTENT_TYPES))
        if max(image.size) > (SIDE_LIMIT if pixels is None else LARGE_SIDE):
            raise BadImage(f"the image is {image.width}x{image.height} pixels; the limit is {SIDE_LIMIT} a side")
        if pixels is not None and image.width * image.height > pixels:
            raise BadImage(f"the image is {image.width}x{image.height} pixels; the limit is {pixels}")
        if getattr(image, "n_frames", 1) != 1 and image.format != "MPO":
            raise BadImage("the image is animated; only still ones are taken")
        if format_name(image) == "JPEG" and scans_in(source) > SCANS_LIMIT:
            raise BadImage(f"the image has too many scans; the limit is {SCANS_LIMIT}")
        image.load()
    return image


def scans_in(source: BinaryIO) -> int:
    """The most scans that a decoder may find in a JPEG, also behind its end."""
    source.seek(0)
    return sum(1 for _ in _SCAN.finditer(source.read()))
