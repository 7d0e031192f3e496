"""One file with another label, whatever its format."""

from __future__ import annotations

from typing import Final

from PIL import Image

from jobs.files.metadata import jpeg, png, webp
from jobs.files.metadata.label import Label

_SOFTWARE: Final = 0x0131
_ORIENTATION: Final = 0x0112
_EXIF: Final = 0x8769
_USER_COMMENT: Final = 0x9286
#: How the standard marks a comment as UTF-16; those who read comments of generated pictures expect it big-endian.
_UNICODE: Final = b"UNICODE\0"


def rewrite(data: bytes, label: Label | None) -> bytes:
    """The same picture, without what others wrote into its file, and with a label.

    A file that is not PNG, JPEG or WebP, or is broken so that it cannot be taken apart, is given back as it is:
    whether it may be kept is for :func:`jobs.files.images.verify` to say.

    Args:
        data: The file.
        label: What the new file says of itself; None: nothing.
    """
    if jpeg.is_one(data):
        return jpeg.rewrite(data, label, _exif(label, _orientation(jpeg.exif_of(data))))
    if webp.is_one(data):
        return webp.rewrite(data, label, _exif(label, _orientation(webp.exif_of(data))))
    if png.is_one(data):
        # Here the label has chunks of its own, where tools look for it.
        return png.rewrite(data, label, _exif(None, _orientation(png.exif_of(data))))
    return data


def _orientation(exif: bytes) -> int | None:
    """How the picture is to be turned to be seen: the one thing in EXIF that belongs to the picture itself."""
    found = Image.Exif()
    try:
        found.load(exif)
        turned = found.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - Pillow raises anything for hostile EXIF, and then there is nothing to keep
        return None
    return turned if isinstance(turned, int) and 2 <= turned <= 8 else None


def _exif(label: Label | None, orientation: int | None) -> bytes:
    """As TIFF, without the header that JPEG puts before it; empty where there is nothing to say."""
    if label is None and orientation is None:
        return b""
    made = Image.Exif()
    if orientation is not None:
        made[_ORIENTATION] = orientation
    if label is not None:
        made[_SOFTWARE] = label.software
        made.get_ifd(_EXIF)[_USER_COMMENT] = _UNICODE + label.parameters.encode("utf-16-be")
    return made.tobytes().removeprefix(jpeg.EXIF)
