"""WebP (RFC 9649): a RIFF file of chunks; one with metadata begins with VP8X, which says what there is."""

from __future__ import annotations

import struct
from typing import Final

from jobs.files.metadata.label import Label

_HEADER: Final = 12
#: The chunks that make up the image. Those of animations are dropped, so that verify() finds no image.
_KEPT: Final = (b"ICCP", b"ALPH", b"VP8 ", b"VP8L")
_HAS_PROFILE: Final = 0x20
_HAS_ALPHA: Final = 0x10
_HAS_EXIF: Final = 0x08
_HAS_XMP: Final = 0x04
_KEY_FRAME: Final = b"\x9d\x01\x2a"
_LOSSLESS: Final = 0x2F


def is_one(data: bytes) -> bool:
    """Whether the data begin like a WebP file."""
    return data[:4] == b"RIFF" and data[8:_HEADER] == b"WEBP"


def exif_of(data: bytes) -> bytes:
    """The EXIF of a file; empty: it has none."""
    return _chunks(data).get(b"EXIF", b"")


def rewrite(data: bytes, label: Label | None, exif: bytes) -> bytes:
    """See :func:`jobs.files.metadata.rewrite.rewrite`."""
    chunks = _chunks(data)
    pixels = chunks.get(b"VP8L") or chunks.get(b"VP8 ") or b""
    size = _size(pixels, lossless=b"VP8L" in chunks)
    if size is None:
        return data
    width, height, has_alpha = size
    flags = _HAS_ALPHA if has_alpha or b"ALPH" in chunks else 0
    flags |= _HAS_PROFILE if b"ICCP" in chunks else 0
    flags |= _HAS_EXIF if exif else 0
    flags |= _HAS_XMP if label is not None else 0
    kept = [_chunk(kind, chunks[kind]) for kind in _KEPT if kind in chunks]
    if flags & ~_HAS_ALPHA or b"ALPH" in chunks:
        extended = struct.pack("<I", flags) + _three(width - 1) + _three(height - 1)
        kept.insert(0, _chunk(b"VP8X", extended))
    if exif:
        kept.append(_chunk(b"EXIF", exif))
    if label is not None:
        kept.append(_chunk(b"XMP ", label.xmp()))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The content of the first chunk of each type, up to the end or to the first broken one."""
    found: dict[bytes, bytes] = {}
    at = _HEADER
    ends = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= ends:
        kind, length = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if at + 8 + length > ends:
            break
        found.setdefault(kind, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return found


def _size(pixels: bytes, *, lossless: bool) -> tuple[int, int, bool] | None:
    """Width, height, and whether there is alpha, by the header of the pixels; None: there are no pixels."""
    if lossless:
        if len(pixels) < 5 or pixels[0] != _LOSSLESS:
            return None
        (bits,) = struct.unpack_from("<I", pixels, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if len(pixels) < 10 or pixels[3:6] != _KEY_FRAME:
        return None
    width, height = struct.unpack_from("<HH", pixels, 6)
    return width & 0x3FFF, height & 0x3FFF, False


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _three(number: int) -> bytes:
    """A number in 24 bits."""
    return struct.pack("<I", number)[:3]
