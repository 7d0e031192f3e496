"""API keys: their text, and the record of one. A key is shown once and kept as a hash.

A key is ``dk_live_`` + 43 random base62 characters (256 bits) + 6 of checksum
(CRC-32, as GitHub's tokens have), so that a mistyped one is refused without a
look-up and a leaked one can be found by a scanner.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final, Literal

import msgspec

from jobs.limits import OwnLimit

Scope = Literal["submit", "read", "admin", "proxy"]
SCOPES: Final[tuple[Scope, ...]] = ("submit", "read", "admin", "proxy")
#: The scopes of a key that is made without any: the first key is the operator's, the others are for clients.
OPERATOR_SCOPES: Final[tuple[Scope, ...]] = ("submit", "read", "admin")
CLIENT_SCOPES: Final[tuple[Scope, ...]] = ("submit", "read")

_PREFIX: Final = "dk_live_"
_ALPHABET: Final = string.digits + string.ascii_letters
_FORM: Final = re.compile(rf"{_PREFIX}([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})")


class OldSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The secret that a key had before a rotation; it works until ``ends_at`` (Unix seconds)."""

    hash: str
    hint: str
    ends_at: float


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a key; the key itself is not in it.

    ``id`` owns the jobs. ``hint`` is the key's last four characters. ``previous`` are the secrets before it that still
    work. ``limits`` are those of :class:`jobs.limits.Limits` that differ from the installation's. Times are Unix seconds.
    """

    id: str
    name: str
    hash: str
    hint: str
    created_at: float
    scopes: tuple[Scope, ...] = OPERATOR_SCOPES
    limits: dict[str, OwnLimit] = {}
    previous: tuple[OldSecret, ...] = ()
    rotated_at: float | None = None
    revoked_at: float | None = None

    def opens(self, mark: str, at: float) -> bool:
        """Whether this hash is the key's, or that of a previous secret that still works at this time."""
        if self.revoked_at is not None:
            return False
        return self.hash == mark or any(old.hash == mark and old.ends_at > at for old in self.previous)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def mint() -> str:
    """A new key."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(43))
    return f"{_PREFIX}{body}{_checksum(body)}"


def is_well_formed(key: str) -> bool:
    """Whether the text has the form and the checksum of a key."""
    match = _FORM.fullmatch(key)
    return match is not None and _checksum(match[1]) == match[2]


def digest(key: str) -> str:
    """The hash under which a key is kept: plain SHA-256 is right for 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()
