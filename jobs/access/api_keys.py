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
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec
from redis.client import Pipeline

from jobs.access import audit
from jobs.ids import new_key_id
from jobs.limits import OwnLimit
from jobs.record import keys
from jobs.record.client import available
from jobs.record.commands import Commands
from jobs.record.connection import Connection

Scope = Literal["submit", "read", "admin", "proxy"]
SCOPES: Final[tuple[Scope, ...]] = ("submit", "read", "admin", "proxy")
#: What a key may do where nothing is said: the first one is the operator's, the others are somebody else's.
OPERATOR_SCOPES: Final[tuple[Scope, ...]] = ("submit", "read", "admin")
CLIENT_SCOPES: Final[tuple[Scope, ...]] = ("submit", "read")

#: Seconds that a key's old secret works on after a rotation, where nothing else is said; and the longest.
OVERLAP_SECONDS: Final = 86_400
LONGEST_OVERLAP: Final = 30 * 86_400

_PREFIX: Final = "dk_live_"
_ALPHABET: Final = string.digits + string.ascii_letters
_FORM: Final = re.compile(rf"{_PREFIX}([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})")


class OldSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What a key was before it was rotated: it works until ``ends_at`` (Unix seconds)."""

    hash: str
    hint: str
    ends_at: float


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a key; the key itself is not in it.

    ``id`` owns the jobs. ``hint`` is the key's last four characters; ``previous`` is what it was before, while that
    still works; ``limits`` are those of :class:`jobs.limits.Limits` that differ from everybody's. Times are Unix seconds.
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
        """Whether the key with this hash is this one, or was and still works."""
        if self.revoked_at is not None:
            return False
        return self.hash == mark or any(old.hash == mark and old.ends_at > at for old in self.previous)


_record = msgspec.json.Decoder(ApiKey)
_encode = msgspec.json.Encoder().encode


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


class ApiKeyStore:
    """The keys of this installation, on Redis.

    From the first key on, the API asks for one, also after the last was revoked, until :meth:`reopen`.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve. ``by`` says who acts, for the
    audit log.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis

    def create(
        self,
        name: str,
        scopes: tuple[Scope, ...] | None = None,
        limits: Mapping[str, OwnLimit] | None = None,
        *,
        by: str = audit.OPERATOR,
    ) -> tuple[ApiKey, str]:
        """Make a key: its record, and the key itself, which nobody can see again.

        Without ``scopes`` it may do what a client does; where no key is valid, it is the operator's and may do more.
        """
        if scopes is None:
            scopes = CLIENT_SCOPES if self.any() else OPERATOR_SCOPES
        key = mint()
        record = ApiKey(
            id=new_key_id(), name=name, hash=digest(key), hint=key[-4:], created_at=self._connection.now(),
            scopes=scopes, limits=dict(limits or {}),
        )  # fmt: skip
        with available():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(keys.API_KEYS, record.id, _encode(record))
            pipe.hset(keys.API_KEY_HASHES, record.hash, record.id)
            pipe.set(keys.LOCKED, b"1")
            pipe.execute()
        audit.note(by, "made a key", key=record.id, scopes=scopes)
        return record, key

    def find(self, key: str) -> ApiKey | None:
        """The record of a valid key; None for any other text."""
        if not is_well_formed(key):
            return None
        mark = digest(key)
        with available():
            key_id = self._redis.hget(keys.API_KEY_HASHES, mark)
        record = self.get(key_id.decode()) if key_id else None
        return record if record is not None and record.opens(mark, self._connection.now()) else None

    def get(self, key_id: str) -> ApiKey | None:
        """The record with this id, also of a revoked key."""
        with available():
            row = self._redis.hget(keys.API_KEYS, key_id)
        return _record.decode(row) if row else None

    def list(self) -> list[ApiKey]:
        """All records, oldest first, the revoked ones too."""
        with available():
            rows = self._redis.hgetall(keys.API_KEYS)
        return sorted((_record.decode(row) for row in rows.values()), key=lambda record: record.id)

    def change(
        self,
        key_id: str,
        *,
        name: str | None = None,
        scopes: tuple[Scope, ...] | None = None,
        limits: Mapping[str, OwnLimit | None] | None = None,
        by: str = audit.OPERATOR,
    ) -> ApiKey | None:
        """Change what is given; None where there is no valid key with this id.

        Args:
            key_id: The key.
            name: Its new name.
            scopes: All that it may do from now on.
            limits: Its own limits that change; None takes one back, so that everybody's holds.
            by: Who does it.
        """

        def changed(record: ApiKey) -> ApiKey:
            own = {**record.limits, **(limits or {})}
            return msgspec.structs.replace(
                record,
                name=record.name if name is None else name,
                scopes=record.scopes if scopes is None else scopes,
                limits={field: limit for field, limit in own.items() if limit is not None},
            )

        return self._update(key_id, changed, by, "changed a key", renamed=name, scopes=scopes, limits=limits)

    def rotate(
        self, key_id: str, overlap_seconds: float = OVERLAP_SECONDS, *, by: str = audit.OPERATOR
    ) -> tuple[ApiKey, str] | None:
        """Give a key a new secret; id, jobs, scopes and limits stay. None where there is no valid key with this id.

        What it was before works for ``overlap_seconds`` more, and so does what it was before that, if it still does.
        """
        key = mint()

        def rotated(record: ApiKey) -> ApiKey:
            now = self._connection.now()
            ends = now + overlap_seconds
            current = OldSecret(hash=record.hash, hint=record.hint, ends_at=ends)
            older = (msgspec.structs.replace(old, ends_at=min(old.ends_at, ends)) for old in record.previous)
            kept = tuple(old for old in (current, *older) if old.ends_at > now)
            return msgspec.structs.replace(record, hash=digest(key), hint=key[-4:], previous=kept, rotated_at=now)

        record = self._update(key_id, rotated, by, "rotated a key", overlap_seconds=overlap_seconds)
        return None if record is None else (record, key)

    def revoke(self, key_id: str, *, by: str = audit.OPERATOR) -> bool:
        """End a key at once; False where there is none with this id or it has ended already."""

        def revoked(record: ApiKey) -> ApiKey:
            return msgspec.structs.replace(record, revoked_at=self._connection.now(), previous=())

        return self._update(key_id, revoked, by, "revoked a key") is not None

    def _update(
        self,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        by: str,
        what: str,
        **facts: object,
    ) -> ApiKey | None:
        """Change a valid key's record, and let exactly its secrets lead to it."""

        def write(read: Commands, pipe: Pipeline) -> ApiKey | None:
            row = read.hget(keys.API_KEYS, key_id)
            old = _record.decode(row) if row else None
            if old is None or old.revoked_at is not None:
                return None
            new = change(old)
            pipe.multi()
            pipe.hdel(keys.API_KEY_HASHES, old.hash, *(secret.hash for secret in old.previous))
            if new.revoked_at is None:
                secrets_of = (new.hash, *(secret.hash for secret in new.previous))
                pipe.hset(keys.API_KEY_HASHES, mapping=dict.fromkeys(secrets_of, new.id))
            pipe.hset(keys.API_KEYS, new.id, _encode(new))
            return new

        changed = self._connection.watching(keys.API_KEYS, write)
        if changed is not None:
            audit.note(by, what, key=key_id, **{name: fact for name, fact in facts.items() if fact is not None})
        return changed

    def any(self) -> bool:
        """Whether some key is valid, so that somebody can come in from another machine."""
        with available():
            return bool(self._redis.hlen(keys.API_KEY_HASHES))

    def locked(self) -> bool:
        """Whether the API asks for a key: since the first one was made."""
        with available():
            pipe = self._redis.pipeline(transaction=False)
            pipe.exists(keys.LOCKED)
            pipe.hlen(keys.API_KEY_HASHES)
            return any(pipe.execute())

    def lock(self) -> None:
        """Let the API ask for a key although there is none: it may have had some in a database that was lost."""
        with available():
            self._redis.set(keys.LOCKED, b"1")

    def reopen(self, *, by: str = audit.OPERATOR) -> bool:
        """Let this machine use the API without a key again; False where a key is valid, so that nothing changes."""

        def write(read: Commands, pipe: Pipeline) -> bool:
            if read.hlen(keys.API_KEY_HASHES):
                return False
            pipe.multi()
            pipe.delete(keys.LOCKED)
            return True

        opened = self._connection.watching(keys.API_KEY_HASHES, write)
        if opened:
            audit.note(by, "opened the API to this machine")
        return opened
