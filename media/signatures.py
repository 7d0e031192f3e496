"""Signatures: what the first bytes of a file say of its format. Pure.

A signature gets :data:`HEAD` bytes, or the whole of a shorter file. None of them raises or takes long: the bytes may be
made to trouble it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final

#: First bytes of a file that its signature may need.
HEAD: Final = 4096

Signature = Callable[[bytes], bool]

_BRANDS: Final = 64
#: The element that names the document type of an EBML file.
_DOCTYPE: Final = b"\x42\x82"
#: The first tag is ``svg``, behind declarations and comments. Atomic: a hostile file must not make it try all partitions.
_SVG: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->|<![dD][oO][cC][tT][yY][pP][eE][^>]*>)*+<svg[\s>]", re.DOTALL
)
#: Versions, layers, bit rates and sample rates that an MPEG audio frame has (ISO 11172-3, 2.4.2.3).
_MPEG_SYNC: Final = 0xE0


def starts(*marks: bytes, at: int = 0) -> Signature:
    """One of these bytes stands at this place."""
    return lambda head: head.startswith(marks, at)


def riff(form: bytes) -> Signature:
    """A RIFF file of this form, such as WAVE."""
    return lambda head: head[:4] == b"RIFF" and head[8:12] == form


def brand(*brands: bytes) -> Signature:
    """A file of ISO media boxes with one of these brands; without any given, of every brand."""

    def found(head: bytes) -> bool:
        if head[4:8] != b"ftyp":
            return False
        size = min(int.from_bytes(head[:4], "big"), 16 + 4 * _BRANDS, len(head))
        named = {head[8:12], *(head[place : place + 4] for place in range(16, size - 3, 4))}
        return not brands or not named.isdisjoint(brands)

    return found


def ebml(document: bytes) -> Signature:
    """A Matroska file of this document type, such as webm."""

    def found(head: bytes) -> bool:
        at = head.find(_DOCTYPE, 4, 64) + len(_DOCTYPE)
        if head[:4] != b"\x1a\x45\xdf\xa3" or at < len(_DOCTYPE) or at >= len(head):
            return False
        # The length of a name has as many bytes as there are zeros before its first one, and one more (RFC 8794, 4).
        after = at + 9 - head[at].bit_length()
        return head[after : after + len(document)] == document

    return found


def ogg(*codecs_inside: bytes) -> Signature:
    """An Ogg file whose first page is of one of these codecs."""
    return lambda head: head[:4] == b"OggS" and any(mark in head[:64] for mark in codecs_inside)


def mpeg_audio(head: bytes) -> bool:
    """An MP3: a tag of ID3, or a frame of layer II or III."""
    if head[:3] == b"ID3":
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & _MPEG_SYNC != _MPEG_SYNC:
        return False
    return head[1] & 0x06 in {0x02, 0x04} and head[2] >> 4 not in {0x00, 0x0F} and head[2] & 0x0C != 0x0C


def adts(head: bytes) -> bool:
    """A raw AAC stream: the sync word of ADTS, of layer 0."""
    return len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def svg(head: bytes) -> bool:
    """An XML text whose root is svg."""
    return _SVG.match(head) is not None


def packed(*names: bytes) -> Signature:
    """A zip archive with one of these names, or parts of names, near its begin."""
    return lambda head: head[:4] == b"PK\x03\x04" and any(name in head for name in names)


def text(head: bytes) -> bool:
    """UTF-8 without controls that no text has."""
    try:
        found = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\n\r\f\x1b" for char in found)


def anything(head: bytes) -> bool:
    """Every file: the format has no signature."""
    del head
    return True
