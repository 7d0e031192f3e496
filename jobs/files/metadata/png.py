"""PNG (ISO/IEC 15948): a signature, then chunks of length, type, data and checksum."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Final

from jobs.files.metadata.label import Label

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: The chunks that make up the image: its pixels, and how to show them.
_KEPT: Final = frozenset(
    {
        b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD",
        b"pHYs", b"IDAT",
    }
)  # fmt: skip

#: Chunks among which a text is looked for.
_TEXTS_AMONG: Final = 1000


def is_one(data: bytes) -> bool:
    """Whether the data begin like a PNG file."""
    return data.startswith(_SIGNATURE)


def exif_of(data: bytes) -> bytes:
    """The EXIF of a file; empty: it has none."""
    return next((chunk[8:-4] for kind, chunk in _chunks(data) if kind == b"eXIf"), b"")


def texts_of(data: bytes) -> dict[str, str]:
    """The texts of a file by their keywords: those before the pixels, and no compressed ones, as we and web UIs write them."""
    found: dict[str, str] = {}
    for kind, chunk in islice(_chunks(data), _TEXTS_AMONG):
        if kind == b"IDAT":
            break
        keyword, _, content = chunk[8:-4].partition(b"\0")
        if kind == b"tEXt":
            found.setdefault(keyword.decode("latin-1"), content.decode("latin-1"))
        elif kind == b"iTXt" and content[:1] == b"\0":
            # After the flag of compression: its method, a language, the keyword translated.
            found.setdefault(keyword.decode("latin-1"), content[2:].split(b"\0", 2)[-1].decode(errors="replace"))
    return found


def rewrite(data: bytes, label: Label | None, exif: bytes) -> bytes:
    """See :func:`jobs.files.metadata.rewrite.rewrite`."""
    kept = [(kind, chunk) for kind, chunk in _chunks(data) if kind in _KEPT]
    said = b"" if label is None else _text("parameters", label.parameters) + _text("darkroom", label.recipe)
    if exif:
        said += _chunk(b"eXIf", exif)
    head, rest = kept[:1], kept[1:]
    return b"".join([_SIGNATURE, *(chunk for _, chunk in head), said, *(chunk for _, chunk in rest), _chunk(b"IEND")])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and bytes of each chunk up to the end or to the first broken one."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if kind == b"IEND" or end > len(data):
            return
        yield kind, data[at:end]
        at = end


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _text(keyword: str, text: str) -> bytes:
    """A text chunk: the plain kind, which every reader knows, if Latin-1 is enough for the text."""
    try:
        return _chunk(b"tEXt", keyword.encode() + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        # Not compressed, no language, no translated keyword.
        return _chunk(b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode())
