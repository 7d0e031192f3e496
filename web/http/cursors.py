"""Cursors of lists: opaque, signed, valid for one owner. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

_SIGNATURE_BYTES: Final = 12


class BadCursor(ValueError):
    """The text is not a cursor of this owner's list."""


class Cursors:
    """Seals and opens cursors.

    Args:
        keys: Secret bytes, newest first: the first seals, all of them open.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def seal(self, owner: str, place: str) -> str:
        """The cursor for a place in the owner's list."""
        return base64.urlsafe_b64encode(_sign(self._keys[0], owner, place) + place.encode()).decode().rstrip("=")

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
        if not any(hmac.compare_digest(raw[:_SIGNATURE_BYTES], _sign(key, owner, place)) for key in self._keys):
            raise BadCursor
        return place


def _sign(key: bytes, owner: str, place: str) -> bytes:
    return hmac.digest(key, f"{owner}\n{place}".encode(), hashlib.sha256)[:_SIGNATURE_BYTES]
