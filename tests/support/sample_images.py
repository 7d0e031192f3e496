"""Images as clients might send them, good and bad."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms


def plain_image(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    """An image in one colour."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def noisy_image(size: tuple[int, int]) -> bytes:
    """An image that cannot be made small: about a byte for each pixel."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 100).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def oversized_png(width: int, height: int, *extra: bytes) -> bytes:
    """A PNG that claims a size; its pixels are missing or far too few."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + png_chunk(b"IEND", b"")


def animated_image(kind: str) -> bytes:
    """An image with two frames."""
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def image_with_metadata(kind: str, orientation: int = 1) -> bytes:
    """An image whose left half is red, with a place, a comment, a text, a profile and a script behind its end."""
    image = Image.new("RGB", (40, 30), "blue")
    image.paste("red", (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "canary description"
    exif.get_ifd(0x8825)[1] = "N canary"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"canary"
    buffer = io.BytesIO()
    more = {"comment": b"canary"} if kind == "JPEG" else {"xmp": b"<x>canary</x>"} if kind == "WEBP" else {}
    image.save(buffer, kind, exif=exif, icc_profile=profile, **more)
    return buffer.getvalue() + b"<script>canary</script>"
