"""What can be said of images without decoding one. A module that needs only this loads no Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media import IMAGE_FORMATS

#: What is accepted, by Pillow's name of the format, and how it is served.
CONTENT_TYPES: Final = {entry.pillow: entry.content_type for entry in IMAGE_FORMATS}
#: Longest side of an accepted image, in pixels.
SIDE_LIMIT: Final = 4096
#: Largest image of an input, in bytes, as the client sends it.
INPUT_LIMIT: Final = 20 << 20
#: How a job's input names an image that is kept with the job: this, and its SHA-256.
KEPT: Final = "sha256:"


class BadImage(ValueError):
    """The file is not an image that may be kept; the text says why."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """The content type of a verified image, and its sides in pixels."""

    content_type: str
    width: int
    height: int
