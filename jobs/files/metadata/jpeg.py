"""JPEG (ITU-T T.81): segments of marker, length and data; after each scan header, coded pixels until the next marker."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from jobs.files.metadata.label import Label

_START: Final = b"\xff\xd8\xff"
EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_JFIF: Final = 0xE0
_APP1: Final = 0xE1
_SCAN: Final = 0xDA
_END: Final = 0xD9
#: Markers of application data and comments; all others are needed to decode.
_ASIDE: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
#: Application data that belong to the image: JFIF's density, Adobe's colour transform, the colour profile.
_NEEDED: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
#: The end of coded pixels: stuffed bytes (0) and restarts (D0 to D7) belong to them, and more 0xFF is filling.
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def is_one(data: bytes) -> bool:
    """Whether the data begin like a JPEG file."""
    return data.startswith(_START)


def exif_of(data: bytes) -> bytes:
    """The EXIF of a file; empty: it has none."""
    return next((piece[4:] for marker, piece in _pieces(data) if marker == _APP1 and piece[4:].startswith(EXIF)), b"")


def rewrite(data: bytes, label: Label | None, exif: bytes) -> bytes:
    """See :func:`jobs.files.metadata.rewrite.rewrite`."""
    said = _segment(_APP1, EXIF + exif) if exif else b""
    if label is not None:
        said += _segment(_APP1, _XMP + label.xmp())
    kept = [(marker, piece) for marker, piece in _pieces(data) if _is_needed(marker, piece)]
    # JFIF must be the first.
    first = sum(1 for marker, _ in kept[:1] if marker == _JFIF)
    pieces = [piece for _, piece in kept]
    return b"".join([_SOI, *pieces[:first], said, *pieces[first:], _EOI])


def _is_needed(marker: int, piece: bytes) -> bool:
    return marker not in _ASIDE or (marker in _NEEDED and piece[4:].startswith(_NEEDED[marker]))


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each piece up to the end or to the first broken one; coded pixels go with their scan."""
    at = len(_SOI)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _END:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            return
        if marker == _SCAN:
            found = _NEXT_MARKER.search(data, end)
            end = len(data) if found is None else found.start()
        yield marker, data[at:end]
        at = end


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
