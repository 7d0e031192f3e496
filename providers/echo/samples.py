"""Files of every kind without a GPU or a codec: a film, a sound, a 3D model, an archive, a table. Always the same."""

from __future__ import annotations

import array
import html
import io
import json
import math
import struct
import sys
import wave
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from PIL import Image

_RATE: Final = 16_000
#: Milliseconds of one frame of a film.
_FRAME_MS: Final = 125


def sound(seconds: float, pitch: float = 440.0) -> bytes:
    """A tone as a WAV, with a soft begin and end."""
    count = int(_RATE * seconds)
    fade = max(1, min(count // 4, _RATE // 20))
    loud = (min(1.0, at / fade, (count - at) / fade) for at in range(count))
    wave_form = (part * math.sin(at * pitch * math.tau / _RATE) for at, part in enumerate(loud))
    samples = array.array("h", (int(12_000 * value) for value in wave_form))
    if sys.byteorder == "big":
        samples.byteswap()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def film(frames: Sequence[bytes]) -> bytes:
    """A film of these images, all of the same size, as a WebM of 8 frames a second.

    An image of a lossy WebP is a key frame of VP8 (RFC 6386; RFC 9649, 2.5), so no codec is needed: only the boxes of
    Matroska (RFC 9559) around them.
    """
    pictures = [_vp8(frame) for frame in frames]
    width, height = Image.open(io.BytesIO(frames[0])).size
    track = _box(b"\xae", (
        _box(b"\xd7", b"\x01"), _box(b"\x73\xc5", b"\x01"), _box(b"\x83", b"\x01"), _box(b"\x86", b"V_VP8"),
        _box(b"\xe0", (_box(b"\xb0", struct.pack(">H", width)), _box(b"\xba", struct.pack(">H", height)))),
    ))  # fmt: skip
    info = _box(b"\x15\x49\xa9\x66", (
        _box(b"\x2a\xd7\xb1", struct.pack(">I", 1_000_000)), _box(b"\x4d\x80", b"darkroom"), _box(b"\x57\x41", b"darkroom"),
        _box(b"\x44\x89", struct.pack(">d", float(_FRAME_MS * len(pictures)))),
    ))  # fmt: skip
    blocks = (
        _box(b"\xa3", b"\x81" + struct.pack(">h", number * _FRAME_MS) + b"\x80" + picture)
        for number, picture in enumerate(pictures)
    )
    cluster = _box(b"\x1f\x43\xb6\x75", (_box(b"\xe7", b"\x00"), *blocks))
    head = _box(
        b"\x1a\x45\xdf\xa3", (_box(b"\x42\x82", b"webm"), _box(b"\x42\x87", b"\x02"), _box(b"\x42\x85", b"\x02"))
    )
    return head + _box(b"\x18\x53\x80\x67", (info, _box(b"\x16\x54\xae\x6b", track), cluster))


def _vp8(picture: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=60, method=2)
    data = buffer.getvalue()
    begin = data.index(b"VP8 ") + 8
    return data[begin : begin + int.from_bytes(data[begin - 4 : begin], "little")]


def _box(name: bytes, content: bytes | Iterable[bytes]) -> bytes:
    """An element of Matroska, its size in eight bytes."""
    data = content if isinstance(content, bytes) else b"".join(content)
    return name + (0x01 << 56 | len(data)).to_bytes(8, "big") + data


def mesh() -> bytes:
    """A triangle as binary glTF 2.0."""
    corners = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    scene = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(corners)}],
        "buffers": [{"byteLength": len(corners)}],
    }
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(corners), b"BIN\0") + corners
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def archive(text: str) -> bytes:
    """A zip archive with one text in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("echo.txt", (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


_BY_SUFFIX: Final[Mapping[str, Callable[[str], bytes]]] = {
    ".zip": archive,
    ".glb": lambda _: mesh(),
    ".wav": lambda _: sound(1.0),
    ".csv": lambda text: f"what,length\n{json.dumps(text)},{len(text)}\n".encode(),
    ".html": lambda text: f"<!doctype html><script>alert(1)</script><p>{html.escape(text)}</p>".encode(),
    ".svg": lambda text: (
        '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><script>alert(1)</script>'
        f"<text y='20'>{html.escape(text)}</text></svg>"
    ).encode(),
    ".json": lambda text: json.dumps({"what": text}).encode(),
}


def file(name: str, text: str) -> bytes:
    """A file of the format that its name says, made from a text; of an unknown format, the text itself."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), str.encode)(text)
