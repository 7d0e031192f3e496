"""The one table of kinds and formats. Adding a kind is a row and, if its files are to be read, a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final

from media import films
from media import signatures as sign
from media.rows import Format, Kind, OutputKind

#: Entry points of installed packages: functions without arguments that call :func:`register`.
GROUP: Final = "darkroom.kinds"

#: What is known of a file of unknown format.
UNKNOWN: Final = Format(kind="file", content_type="application/octet-stream", suffixes=(".bin",))

_kinds: dict[Kind, OutputKind] = {
    row.name: row
    for row in (
        OutputKind(name="image", plural="images", task="image", pixels=True, limit="image_bytes"),
        OutputKind(name="video", plural="videos", task="video", reader=films.read),
        OutputKind(name="audio", plural="sounds", task="audio", reader=films.read),
        OutputKind(name="model", plural="3D models", task="3d"),
        OutputKind(name="file", plural="files"),
        OutputKind(name="text", plural="text", inline_type="text/plain; charset=utf-8", limit="inline_bytes"),
        OutputKind(name="json", plural="JSON", inline_type="application/json", limit="inline_bytes"),
    )
}

_ZIP: Final = sign.starts(b"PK\x03\x04", b"PK\x05\x06")
_PNG: Final = sign.starts(b"\x89PNG\r\n\x1a\n")
_AVIF: Final = sign.brand(b"avif", b"avis")
_SOLID: Final = sign.starts(b"solid", b" solid")

#: In the order in which signatures are tried: the special before the general.
_ROWS: Final = (
    Format(kind="image", pillow="PNG", content_type="image/png", suffixes=(".png",), signature=_PNG, shown=True),
    Format(
        kind="image", pillow="JPEG", content_type="image/jpeg", suffixes=(".jpg", ".jpeg"),
        signature=sign.starts(b"\xff\xd8\xff"), shown=True,
    ),
    Format(
        kind="image", pillow="WEBP", content_type="image/webp", suffixes=(".webp",), signature=sign.riff(b"WEBP"),
        shown=True,
    ),
    Format(
        kind="image", content_type="image/gif", suffixes=(".gif",), signature=sign.starts(b"GIF87a", b"GIF89a"),
        shown=True,
    ),
    Format(kind="image", content_type="image/avif", suffixes=(".avif",), signature=_AVIF, shown=True),
    Format(
        kind="image", content_type="image/tiff", suffixes=(".tif", ".tiff"),
        signature=sign.starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ),
    Format(kind="image", content_type="image/bmp", suffixes=(".bmp",), signature=sign.starts(b"BM"), shown=True),
    Format(kind="image", content_type="image/svg+xml", suffixes=(".svg",), signature=sign.svg),
    Format(kind="video", content_type="video/webm", demuxer="matroska", suffixes=(".webm",), signature=sign.ebml(b"webm"), sound="audio/webm", shown=True),
    Format(kind="audio", content_type="audio/webm", demuxer="matroska", suffixes=(".weba",), shown=True),
    Format(kind="video", content_type="video/x-matroska", demuxer="matroska", suffixes=(".mkv",), signature=sign.ebml(b"matroska")),
    Format(kind="audio", content_type="audio/mp4", demuxer="mov", suffixes=(".m4a",), signature=sign.brand(b"M4A ", b"M4B "), shown=True),
    Format(kind="video", content_type="video/quicktime", demuxer="mov", suffixes=(".mov",), signature=sign.brand(b"qt  ")),
    Format(
        kind="video", content_type="video/mp4", demuxer="mov", suffixes=(".mp4", ".m4v"),
        signature=sign.brand(b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash", b"mmp4"),
        sound="audio/mp4", shown=True,
    ),
    Format(
        kind="video", content_type="video/ogg", demuxer="ogg", suffixes=(".ogv",), signature=sign.ogg(b"\x80theora"), sound="audio/ogg",
        shown=True,
    ),
    Format(
        kind="audio", content_type="audio/ogg", demuxer="ogg", suffixes=(".ogg", ".opus", ".oga"),
        signature=sign.ogg(b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   "), shown=True,
    ),
    Format(kind="audio", content_type="audio/wav", demuxer="wav", suffixes=(".wav",), signature=sign.riff(b"WAVE"), shown=True),
    Format(kind="audio", content_type="audio/flac", demuxer="flac", suffixes=(".flac",), signature=sign.starts(b"fLaC"), shown=True),
    Format(kind="audio", content_type="audio/mpeg", demuxer="mp3", suffixes=(".mp3",), signature=sign.mpeg_audio, shown=True),
    Format(kind="audio", content_type="audio/aac", demuxer="aac", suffixes=(".aac",), signature=sign.adts, shown=True),
    Format(kind="model", content_type="model/gltf-binary", suffixes=(".glb",), signature=sign.starts(b"glTF")),
    Format(kind="model", content_type="model/gltf+json", suffixes=(".gltf",), plausible=sign.text),
    Format(kind="model", content_type="model/obj", suffixes=(".obj",), plausible=sign.text),
    Format(kind="model", content_type="model/stl", suffixes=(".stl",), plausible=sign.anything),
    Format(kind="model", content_type="model/x-ply", suffixes=(".ply",), signature=sign.starts(b"ply\n", b"ply\r")),
    Format(kind="model", content_type="model/x-splat", suffixes=(".splat",), plausible=sign.anything),
    Format(
        kind="model", content_type="model/vnd.usdz+zip", suffixes=(".usdz",),
        signature=sign.packed(b".usdc", b".usda", b".usd"),
    ),
    Format(kind="model", content_type="model/3mf", suffixes=(".3mf",), signature=sign.packed(b"3D/3dmodel.model")),
    Format(kind="file", content_type="application/zip", suffixes=(".zip",), signature=_ZIP),
    Format(kind="file", content_type="application/pdf", suffixes=(".pdf",), signature=sign.starts(b"%PDF-")),
    Format(kind="file", content_type="text/csv", suffixes=(".csv",), plausible=sign.text),
    Format(kind="file", content_type="application/json", suffixes=(".json",), plausible=sign.text),
    Format(kind="file", content_type="text/plain", suffixes=(".txt",), plausible=sign.text),
    UNKNOWN,
)  # fmt: skip
_formats: dict[str, Format] = {row.content_type: row for row in _ROWS}

#: By name.
KINDS: Final[Mapping[Kind, OutputKind]] = MappingProxyType(_kinds)
#: By content type, without parameters.
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(_formats)
#: Images as we take, make and copy them.
IMAGE_FORMATS: Final = tuple(row for row in _ROWS if row.pillow)
#: Content types of these.
IMAGE_TYPES: Final = tuple(row.content_type for row in IMAGE_FORMATS)


def register(kind: OutputKind, formats: Iterable[Format] = ()) -> None:
    """Add a kind and its formats, or put them in place of those of the same names.

    Raises:
        ValueError: A format is of another kind.
    """
    rows = tuple(formats)
    if any(row.kind != kind.name for row in rows):
        raise ValueError(f"formats of {kind.name!r} must say so")
    _kinds[kind.name] = kind
    # A plug-in's signature may be more special than ours, as that of files that are zip archives.
    found = {row.content_type: row for row in rows}
    found |= {name: row for name, row in _formats.items() if name not in found}
    _formats.clear()
    _formats.update(found)


@cache
def load_plugins() -> None:
    """Let the installed packages add their kinds. Every program that reads or makes outputs calls it at its start."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        point.load()()


def kind_of(name: Kind) -> OutputKind:
    """The row of a kind; that of plain files for one that is not known here (any more)."""
    return _kinds.get(name, _kinds["file"])


def format_of(content_type: str) -> Format:
    """The row of a content type, without or with parameters; :data:`UNKNOWN` for another one."""
    return _formats.get(content_type.partition(";")[0].strip(), UNKNOWN)


def recognise(head: bytes, name: str = "", hint: Kind | None = None) -> Format:
    """The format of a file.

    A signature decides. ``hint`` counts only where one container holds films or sound alone. A file of a format without
    a signature is what its suffix says, if it may be that.

    Args:
        head: Its first :data:`media.signatures.HEAD` bytes.
        name: The upstream's name for it.
        hint: The kind that it is said to be.
    """
    signed = next((row for row in _formats.values() if row.signature is not None and row.signature(head)), None)
    if signed is not None:
        return format_of(signed.sound) if hint == "audio" and signed.sound else signed
    named = (row for row in _formats.values() if row.plausible is not None and name.lower().endswith(row.suffixes))
    return next((row for row in named if row.plausible is not None and row.plausible(head)), UNKNOWN)


def suffix_of(content_type: str) -> str:
    """Suffix for a file with this content type; ``.bin`` for an unknown one."""
    return format_of(content_type).suffixes[0]
