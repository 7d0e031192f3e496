"""The file of an image with another label, in each of its formats."""

from __future__ import annotations

from typing import Final

from PIL import Image

from jobs.files import orientation
from jobs.files.metadata import jpeg, png, webp
from jobs.files.metadata.label import Label

_SOFTWARE: Final = 0x0131
_EXIF: Final = 0x8769
_USER_COMMENT: Final = 0x9286
#: How the standard marks a comment as UTF-16; tools that read comments of generated images expect it big-endian.
_UNICODE: Final = b"UNICODE\0"


def rewrite(data: bytes, label: Label | None) -> bytes:
    """The same image, without what others wrote into its file, and with a label (None: none).

    A file of another format than PNG, JPEG or WebP, and one that is too broken to be taken apart, is returned as it is:
    :func:`jobs.files.images.verify` decides whether it may be kept.
    """
    if jpeg.is_one(data):
        return jpeg.rewrite(data, label, _exif(label, _turned(jpeg.exif_of(data))))
    if webp.is_one(data):
        return webp.rewrite(data, label, _exif(label, _turned(webp.exif_of(data))))
    if png.is_one(data):
        # Here the label has chunks of its own, where tools look for it.
        return png.rewrite(data, label, _exif(None, _turned(png.exif_of(data))))
    return data


def _turned(exif: bytes) -> int | None:
    def read() -> Image.Exif:
        found = Image.Exif()
        found.load(exif)
        return found

    return orientation.orientation_of(read)


def _exif(label: Label | None, turn: int | None) -> bytes:
    """The EXIF as TIFF, without the header that JPEG puts before it; empty if there is nothing to say."""
    if label is None and turn is None:
        return b""
    made = Image.Exif()
    if turn is not None:
        made[orientation.TAG] = turn
    if label is not None:
        made[_SOFTWARE] = label.software
        made.get_ifd(_EXIF)[_USER_COMMENT] = _UNICODE + label.parameters.encode("utf-16-be")
    return made.tobytes().removeprefix(jpeg.EXIF)
