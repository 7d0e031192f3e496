"""Cursors of lists: opaque, signed, valid for one owner. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

_SIGNATURE_BYTES: Final = 12


class BadCursor(ValueError):
    """The text is not a cursor of this owner's list."""


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
        """The place in the list that a cursor names.

        Raises:
            BadCursor: It is not a cursor that :meth:`seal` made for this owner.
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
