"""API keys: shown once, kept as a hash, recognisable offline by their checksum.

A key is ``dk_live_`` + 43 random base62 characters (256 bits) + 6 of checksum
(CRC-32, as GitHub's tokens have), so that a mistyped one is refused without a
look-up and a leaked one can be found by a scanner.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
import zlib
from collections.abc import Mapping
from typing import Final, Literal, cast

import msgspec
import redis
from ulid import ULID

from jobs import keys
from jobs.limits import OwnLimit
from jobs.redis_store import available

Scope = Literal["submit", "read", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("submit", "read", "admin")

_PREFIX: Final = "dk_live_"
_ALPHABET: Final = string.digits + string.ascii_letters
_FORM: Final = re.compile(rf"{_PREFIX}([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a key; the key itself is not in it.

    ``hint`` is its last four characters; ``limits`` are those of :class:`jobs.limits.Limits` that differ from
    everybody's.
    """

    id: str
    name: str
    hash: str
    hint: str
    created_at: float
    scopes: tuple[Scope, ...] = SCOPES
    limits: dict[str, OwnLimit] = {}
    revoked_at: float | None = None


_record = msgspec.json.Decoder(ApiKey)


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


class KeyStore:
    """The keys of this installation, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def create(
        self, name: str, scopes: tuple[Scope, ...] = SCOPES, limits: Mapping[str, OwnLimit] | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key: its record, and the key itself, which nobody can see again."""
        key = mint()
        record = ApiKey(
            id=f"key_{ULID()}", name=name, hash=digest(key), hint=key[-4:], created_at=time.time(), scopes=scopes,
            limits=dict(limits or {}),
        )  # fmt: skip
        with available():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(keys.API_KEYS, record.id, msgspec.json.encode(record))
            pipe.hset(keys.API_KEY_HASHES, record.hash, record.id)
            pipe.execute()
        return record, key

    def find(self, key: str) -> ApiKey | None:
        """The record of a valid key; None for any other text."""
        if not is_well_formed(key):
            return None
        with available():
            key_id = cast("bytes | None", self._redis.hget(keys.API_KEY_HASHES, digest(key)))
        record = self._read(key_id.decode()) if key_id else None
        return record if record is not None and record.revoked_at is None else None

    def _read(self, key_id: str) -> ApiKey | None:
        with available():
            row = cast("bytes | None", self._redis.hget(keys.API_KEYS, key_id))
        return _record.decode(row) if row else None

    def list(self) -> list[ApiKey]:
        """All records, oldest first, the revoked ones too."""
        with available():
            rows = cast("dict[bytes, bytes]", self._redis.hgetall(keys.API_KEYS))
        return sorted((_record.decode(row) for row in rows.values()), key=lambda record: record.id)

    def revoke(self, key_id: str) -> bool:
        """End a key at once; False where there is none with this id or it has ended already."""
        record = self._read(key_id)
        if record is None or record.revoked_at is not None:
            return False
        ended = msgspec.structs.replace(record, revoked_at=time.time())
        with available():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(keys.API_KEYS, key_id, msgspec.json.encode(ended))
            pipe.hdel(keys.API_KEY_HASHES, record.hash)
            pipe.execute()
        return True

    def any(self) -> bool:
        """Whether a key is valid, so that the API asks for one."""
        with available():
            return bool(self._redis.hlen(keys.API_KEY_HASHES))
