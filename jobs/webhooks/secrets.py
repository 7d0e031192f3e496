"""The secrets that sign an owner's webhooks: made at first use, encrypted at rest, replaced with an overlap."""

from __future__ import annotations

from typing import Final, cast

import msgspec

from jobs.errors import Contended
from jobs.model import Noun
from jobs.record import keys
from jobs.record.store import JobStore, available
from jobs.vault import Vault
from jobs.webhooks.deliveries import new_secret

#: Seconds for which a secret signs beside the one that replaced it.
OVERLAP_SECONDS: Final = 86_400
#: Old secrets that sign at most, so that rotating again and again cannot make the header endless.
_OLD_KEPT: Final = 3
_TRIES: Final = 10
#: Write a field of a hash if it still is what was read.
_SWAP: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1"""


class Secret(Noun, frozen=True, kw_only=True):
    """One secret, and until when it is valid (None: until it is replaced)."""

    key: str
    until: float | None = None


_secrets = msgspec.json.Decoder(tuple[Secret, ...])


class Secrets:
    """Signing secrets by owner, the newest first.

    Args:
        store: Where they are kept.
        vault: Encrypts them.
    """

    def __init__(self, store: JobStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._swap = store.redis.register_script(_SWAP)

    def valid(self, owner: str) -> tuple[str, ...]:
        """Every secret that signs now.

        Raises:
            VaultError: They were encrypted with another key.
        """
        return tuple(secret.key for secret in self._current(owner))

    def rotate(self, owner: str) -> str:
        """Make a new secret; the old one signs beside it for a day.

        Raises:
            Contended: It kept changing.
            VaultError: The old one was encrypted with another key.
        """
        for _ in range(_TRIES):
            now = self._store.now()
            found = self._current(owner)
            old = (Secret(key=found[0].key, until=now + OVERLAP_SECONDS), *found[1:])
            made = (Secret(key=new_secret()), *old[:_OLD_KEPT])
            if self._replace(owner, found[0].key, made):
                return made[0].key
        raise Contended("the webhook secret kept changing")

    def _current(self, owner: str) -> tuple[Secret, ...]:
        locked = self._read(owner)
        if locked is None:
            made = self._lock(owner, (Secret(key=new_secret()),))
            with available():
                self._store.redis.hsetnx(keys.HOOK_SECRETS, owner, cast("str", made))
            # Not the one just made: somebody may have been first.
            locked = self._read(owner) or made
        now = self._store.now()
        return tuple(secret for secret in self._unlock(owner, locked) if secret.until is None or secret.until > now)

    def _read(self, owner: str) -> bytes | None:
        with available():
            return cast("bytes | None", self._store.redis.hget(keys.HOOK_SECRETS, owner))

    def _replace(self, owner: str, newest: str, made: tuple[Secret, ...]) -> bool:
        """Write, unless somebody else replaced the newest meanwhile."""
        locked = self._read(owner)
        if locked is None or self._unlock(owner, locked)[0].key != newest:
            return False
        with available():
            return bool(self._swap(keys=[keys.HOOK_SECRETS], args=[owner, locked, self._lock(owner, made)]))

    def _lock(self, owner: str, secrets: tuple[Secret, ...]) -> bytes:
        return self._vault.lock(_bound(owner), {"secrets": msgspec.json.encode(secrets).decode()})

    def _unlock(self, owner: str, locked: bytes) -> tuple[Secret, ...]:
        return _secrets.decode(self._vault.unlock(_bound(owner), locked)["secrets"])


def _bound(owner: str) -> str:
    return f"webhook-secrets:{owner}"
