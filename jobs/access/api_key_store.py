"""The API keys of this installation, in Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
from redis.client import Pipeline

from jobs.access import audit
from jobs.access.api_keys import CLIENT_SCOPES, OPERATOR_SCOPES, ApiKey, OldSecret, Scope, digest, is_well_formed, mint
from jobs.ids import new_id
from jobs.limits import OwnLimit
from jobs.record import keys
from jobs.record.commands import Commands
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.outages import available
from resilience import survive

log = logging.getLogger(__name__)

#: Seconds for which a key's old secret works after a rotation: the default, and the most.
OVERLAP_SECONDS: Final = 86_400
LONGEST_OVERLAP: Final = 30 * 86_400
#: Records that are read at once.
_PART: Final = 100

_record = msgspec.json.Decoder(ApiKey)
_encode = msgspec.json.Encoder().encode


class ApiKeyStore:
    """The keys of this installation, on Redis.

    From the first key on, the API asks for a key, also after the last one was revoked, until :meth:`reopen`.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve. ``by`` says who acts, for the
    audit log.
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
        """Make a key with a name for people.

        Without scopes the first valid key gets those of the operator, and any other those of a client.

        Returns:
            Its record, and the key itself, which cannot be shown again.
        """
        if scopes is None:
            scopes = CLIENT_SCOPES if self.any() else OPERATOR_SCOPES
        key = mint()
        record = ApiKey(
            id=new_id("key"), name=name, hash=digest(key), hint=key[-4:], created_at=self._connection.now(),
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
        """The record of a valid key; None: the text is no valid key."""
        if not is_well_formed(key):
            return None
        mark = digest(key)
        with available():
            key_id = self._redis.hget(keys.API_KEY_HASHES, mark)
        record = self.get(key_id.decode()) if key_id else None
        return record if record is not None and record.opens(mark, self._connection.now()) else None

    def get(self, key_id: str) -> ApiKey | None:
        """The record with this id, also of a revoked key; None: there is none."""
        with available():
            row = self._redis.hget(keys.API_KEYS, key_id)
        return _record.decode(row) if row else None

    def page(self, *, cursor: str | None = None, limit: int) -> tuple[tuple[ApiKey, ...], str | None]:
        """A part of the records, also of revoked keys, oldest first, and the cursor of the next part: its last id.

        One that cannot be read is logged, and keeps no other from the list.
        """
        after = (cursor or "").encode()
        with available():
            ids = sorted(key_id for key_id in self._redis.hkeys(keys.API_KEYS) if key_id > after)
            rows = self._redis.hmget(keys.API_KEYS, *ids[:limit]) if ids else []
        found: list[ApiKey] = []
        for key_id, row in zip(ids, rows, strict=False):
            with survive(log, "the key's record cannot be read", key=repr(key_id)):
                found += [] if row is None else [_record.decode(row)]
        return tuple(found), ids[limit - 1].decode("utf-8", "replace") if len(ids) > limit else None

    def each(self) -> Iterator[ApiKey]:
        """All records, as :meth:`page` has them."""
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = self.page(cursor=cursor, limit=_PART)
            yield from found

    def change(
        self,
        key_id: str,
        *,
        name: str | None = None,
        scopes: tuple[Scope, ...] | None = None,
        limits: Mapping[str, OwnLimit | None] | None = None,
        by: str = audit.OPERATOR,
    ) -> ApiKey | None:
        """Change a key; None: no valid key has this id. A limit of None is removed: the installation's holds."""

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
        """Give a key a new secret; id, jobs, scopes and limits stay. None: no valid key has this id.

        The old secret works for ``overlap_seconds`` more; earlier ones that still work end then at the latest.
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
        """Revoke a key at once; False: no valid key has this id."""

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
        """Change a valid key's record, and let exactly its current secrets lead to it."""

        def write() -> ApiKey | None:
            with available():
                row = self._redis.hget(keys.API_KEYS, key_id)
            old = _record.decode(row) if row else None
            if row is None or old is None or old.revoked_at is not None:
                return None
            new = change(old)
            valid = () if new.revoked_at is not None else _hashes(new)
            if not self._connection.run("rekey", key_id, row, _encode(new), len(_hashes(old)), *_hashes(old), *valid):
                raise Conflict
            return new

        changed = retrying(key_id, write)
        if changed is not None:
            audit.note(by, what, key=key_id, **{name: fact for name, fact in facts.items() if fact is not None})
        return changed

    def any(self) -> bool:
        """Whether any key is valid."""
        with available():
            return bool(self._redis.hlen(keys.API_KEY_HASHES))

    def locked(self) -> bool:
        """Whether the API asks for a key; it does since the first one was made."""
        with available():
            pipe = self._redis.pipeline(transaction=False)
            pipe.exists(keys.LOCKED)
            pipe.hlen(keys.API_KEY_HASHES)
            return any(pipe.execute())

    def lock(self) -> None:
        """Let the API ask for a key although there is none: the database that was lost may have had some."""
        with available():
            self._redis.set(keys.LOCKED, b"1")

    def reopen(self, *, by: str = audit.OPERATOR) -> bool:
        """Let this machine use the API without a key again; False: a key is valid, and nothing was changed."""

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


def _hashes(record: ApiKey) -> tuple[str, ...]:
    """The hashes of a key's secrets."""
    return record.hash, *(secret.hash for secret in record.previous)
