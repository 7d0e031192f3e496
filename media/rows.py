"""What a row of the table of kinds and a row of the table of formats are. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from media.signatures import Signature

#: The name of a kind, such as "image". A plug-in may add one, so it is no closed set.
Kind = str


class Unreadable(ValueError):
    """A file is broken, or not what its signature says; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a reader finds in a file.

    Args:
        width: In pixels.
        height: In pixels.
        duration: In seconds.
        frame_rate: Pictures in a second.
        poster: A small WebP that stands for the file: a picture of a film, the wave form of a sound.
        note: What is to be said of a file that is kept, but could not be read.
    """

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None
    poster: bytes | None = None
    note: str | None = None


#: Reads a seekable file on the disk, of a known format; raises Unreadable where it may not be kept.
Reader = Callable[[BinaryIO, "Format"], Facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputKind:
    """A kind of outputs.

    Args:
        name: As the API has it.
        plural: Its name in sentences, such as "images".
        inline_type: Content type of an output that is in the job's record itself; None if it is a file.
        pixels: Whether a file is decoded and made ours (:mod:`jobs.files.images`), and not kept as it came.
        task: Its name in the tasks of model hubs, such as "3d" in "text-to-3d"; empty: there are none.
        limit: Which limit of :class:`media.OutputLimits` bounds its bytes.
        reader: Checks a file beyond its signature and finds its facts; None: the signature is enough.
    """

    name: Kind
    plural: str
    inline_type: str | None = None
    pixels: bool = False
    task: str = ""
    limit: Literal["image_bytes", "file_bytes", "inline_bytes"] = "file_bytes"
    reader: Reader | None = None

    @property
    def is_file(self) -> bool:
        """Whether its outputs are files."""
        return self.inline_type is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of files that are kept and served.

    Args:
        kind: What it holds.
        content_type: Without parameters.
        suffixes: Of file names; the first one is for files that we name.
        signature: Tells it by a file's first bytes. None: it has none, and a file is of it by its suffix.
        plausible: Of a format without a signature: whether a file with its suffix may be one.
        demuxer: Its name in FFmpeg, where that reads it.
        sound: Content type of such a container that holds sound alone.
        pillow: Its name in Pillow, where that makes it: images are taken and copied in these formats.
        shown: Whether browsers show or play it; if not, they save it, and never run what is in it.
    """

    kind: Kind
    content_type: str
    suffixes: tuple[str, ...]
    signature: Signature | None = None
    plausible: Signature | None = None
    demuxer: str = ""
    sound: str = ""
    pillow: str = ""
    shown: bool = False
