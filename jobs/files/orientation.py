"""How an image is to be turned to be upright: the one thing in EXIF that belongs to the image itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image

from resilience import ForeignError, foreign

#: The tag of the orientation (JEITA CP-3451, 4.6.4).
TAG: Final = 0x0112


def orientation_of(read: Callable[[], Image.Exif]) -> int | None:
    """The orientation that an image's EXIF asks for, 2 to 8; None: it is upright, or its EXIF is broken."""
    try:
        # Pillow fails in many ways on broken EXIF, and the image itself is fine.
        with foreign():
            found = read().get(TAG)
    except ForeignError:
        return None
    return found if isinstance(found, int) and 2 <= found <= 8 else None
