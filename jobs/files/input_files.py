"""Files of an input that are no images: sounds, films, and files of any kind. Their signatures say what they are. Pure.

They are kept as they came. A name of the client's counts for its ending only, and that only where a format has no
signature, such as CSV.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from jobs.files.image_terms import KEPT, BadImage
from media import HEAD, IMAGE_FORMATS, IMAGE_TYPES, Format, Kind, format_of, kind_of, recognise

#: Largest file, in bytes.
FILE_LIMIT: Final = 64 << 20
_ENDING: Final = re.compile(r"\.[a-z0-9]{1,16}")


class BadFile(BadImage):
    """The file is not of the kind that is wanted, or too large; the text says why."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """How a job's input names a file that is kept with the job: its SHA-256 (hex), and its ending; of an image, none."""

    digest: str
    ending: str = ""

    def __str__(self) -> str:
        return f"{KEPT}{self.digest}{self.ending}"


def kept_file(source: str) -> KeptFile | None:
    """What a source in a job's input names; None: it is no file that is kept with the job."""
    if not source.startswith(KEPT):
        return None
    digest, dot, ending = source.removeprefix(KEPT).partition(".")
    return KeptFile(digest, dot + ending)


def check(data: bytes, name: str, wanted: Kind | None) -> Format:
    """The format of a file.

    Args:
        data: Its content.
        name: What the client calls it, or its address.
        wanted: The kind that it must be; None: any.

    Raises:
        BadFile: It is of another kind, empty, or larger than :data:`FILE_LIMIT`.
    """
    if not 0 < len(data) <= FILE_LIMIT:
        raise BadFile(f"the file has {len(data)} bytes; at least 1 and at most {FILE_LIMIT} are taken")
    found = recognise(data[:HEAD], name, wanted)
    if wanted is not None and not is_of(found.content_type, wanted):
        raise BadFile(f"the file is not among the {kind_of(wanted).plural} that are taken: it is {found.content_type}")
    return found


def is_image(head: bytes, name: str) -> bool:
    """Whether a file has to be an image that we take: its first bytes say so, or its name does."""
    suffixes = tuple(suffix for entry in IMAGE_FORMATS for suffix in entry.suffixes)
    return recognise(head[:HEAD]).content_type in IMAGE_TYPES or name.lower().endswith(suffixes)


def is_of(content_type: str, wanted: Kind) -> bool:
    """Whether a file of this type may be of a kind: a container of films may hold sound alone."""
    found = format_of(content_type)
    return found.kind == wanted or (bool(found.sound) and format_of(found.sound).kind == wanted)


def ending_of(found: Format, name: str) -> str:
    """The ending for a file: of a picture, sound, film or model that of its format; else that of its name, if plain.

    Many formats of documents are zip archives or texts by their first bytes.
    """
    own = posixpath.splitext(urlsplit(name).path if "://" in name else name)[1].lower()
    return own if found.kind == "file" and _ENDING.fullmatch(own) else found.suffixes[0]
