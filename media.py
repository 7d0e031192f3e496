"""The kinds of outputs and the formats of their files. A new kind, such as audio, is a row here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["image", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputKind:
    """A kind of outputs.

    Args:
        plural: Its name in sentences, such as "images".
        inline_type: Content type of an output that is in the job's record itself; None if it is a file.
    """

    plural: str
    inline_type: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether its outputs are files."""
        return self.inline_type is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of files that are kept and served.

    Args:
        kind: What it holds.
        name: Its name in Pillow, where that can read it.
        content_type: Without parameters.
        suffixes: Of file names; the first one is for files that we name.
        start: The first bytes of every file; empty if they vary.
    """

    kind: Kind
    name: str
    content_type: str
    suffixes: tuple[str, ...]
    start: bytes = b""


KINDS: Final[Mapping[Kind, OutputKind]] = {
    "image": OutputKind(plural="images"),
    "text": OutputKind(plural="text", inline_type="text/plain; charset=utf-8"),
}
#: By content type, without parameters.
FORMATS: Final[Mapping[str, Format]] = {
    entry.content_type: entry
    for entry in (
        Format(kind="image", name="PNG", content_type="image/png", suffixes=(".png",), start=b"\x89PNG"),
        Format(kind="image", name="JPEG", content_type="image/jpeg", suffixes=(".jpg", ".jpeg"), start=b"\xff\xd8"),
        Format(kind="image", name="WEBP", content_type="image/webp", suffixes=(".webp",), start=b"RIFF"),
        Format(kind="text", name="TEXT", content_type="text/plain", suffixes=(".txt",)),
    )
}
IMAGE_FORMATS: Final = tuple(entry for entry in FORMATS.values() if entry.kind == "image")
#: Content types of images.
IMAGE_TYPES: Final = tuple(entry.content_type for entry in IMAGE_FORMATS)


def image_type_of(data: bytes) -> str:
    """Content type of a verified image, by its first bytes."""
    found = (entry.content_type for entry in IMAGE_FORMATS if data.startswith(entry.start))
    return next(found, "application/octet-stream")


def suffix_of(content_type: str) -> str:
    """Suffix for a file with this content type; ``.bin`` for an unknown one."""
    found = FORMATS.get(content_type)
    return found.suffixes[0] if found else ".bin"
