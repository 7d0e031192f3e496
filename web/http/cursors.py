"""Cursors of lists: opaque, signed, and good for one owner only. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

_SIGNATURE_BYTES: Final = 12


class BadCursor(ValueError):
    """The text is no cursor of ours for this owner."""


class Cursors:
    """Seals and opens cursors.

    Args:
        key: Secret bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, owner: str, place: str) -> str:
        """The cursor for a place in the owner's list."""
        return base64.urlsafe_b64encode(self._sign(owner, place) + place.encode()).decode().rstrip("=")

    def open(self, owner: str, cursor: str) -> str:
        """The place that a cursor stands for.

        Raises:
            BadCursor: It was not sealed here for this owner.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            place = raw[_SIGNATURE_BYTES:].decode()
        except (ValueError, binascii.Error):
            raise BadCursor from None
        if not hmac.compare_digest(raw[:_SIGNATURE_BYTES], self._sign(owner, place)):
            raise BadCursor
        return place

    def _sign(self, owner: str, place: str) -> bytes:
        return hmac.digest(self._key, f"{owner}\n{place}".encode(), hashlib.sha256)[:_SIGNATURE_BYTES]
