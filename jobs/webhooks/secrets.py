"""The secrets that sign an owner's webhooks: created at first use, encrypted at rest, rotated with an overlap."""

from __future__ import annotations

from typing import Final

import msgspec

from jobs.model import Noun
from jobs.record import keys
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.outages import available
from jobs.vault import Vault
from jobs.webhooks.deliveries import new_secret

#: Seconds for which a replaced secret still signs, beside the new one.
OVERLAP_SECONDS: Final = 86_400
#: Most old secrets that sign, so that repeated rotation cannot make the header endless.
_OLD_KEPT: Final = 3


class Secret(Noun, frozen=True, kw_only=True):
    """One secret; ``until``: when it ends (None: when it is replaced)."""

    key: str
    until: float | None = None


_secrets = msgspec.json.Decoder(tuple[Secret, ...])


class Secrets:
    """Signing secrets by owner, the newest first."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    def valid(self, owner: str) -> tuple[str, ...]:
        """All secrets that sign now.

        Raises:
            VaultError: They were encrypted with another key.
        """
        return tuple(secret.key for secret in self._current(owner))

    def rotate(self, owner: str) -> str:
        """Create a new secret; the old one signs beside it for a day.

        Raises:
            Contended: It kept changing.
            VaultError: The old one was encrypted with another key.
        """

        def write() -> str:
            found = self._current(owner)
            old = (Secret(key=found[0].key, until=self._connection.now() + OVERLAP_SECONDS), *found[1:])
            made = (Secret(key=new_secret()), *old[:_OLD_KEPT])
            if not self._replace(owner, found[0].key, made):
                raise Conflict
            return made[0].key

        return retrying("the webhook secret", write)

    def _current(self, owner: str) -> tuple[Secret, ...]:
        locked = self._read(owner)
        if locked is None:
            made = self._lock(owner, (Secret(key=new_secret()),))
            with available():
                self._connection.redis.hsetnx(keys.HOOK_SECRETS, owner, made)
            # Another process may have been first with its own.
            locked = self._read(owner) or made
        now = self._connection.now()
        return tuple(secret for secret in self._unlock(owner, locked) if secret.until is None or secret.until > now)

    def _read(self, owner: str) -> bytes | None:
        with available():
            return self._connection.redis.hget(keys.HOOK_SECRETS, owner)

    def _replace(self, owner: str, newest: str, made: tuple[Secret, ...]) -> bool:
        """Write, unless the newest was replaced meanwhile."""
        locked = self._read(owner)
        if locked is None or self._unlock(owner, locked)[0].key != newest:
            return False
        return bool(self._connection.run("swap", keys.HOOK_SECRETS, owner, locked, self._lock(owner, made)))

    def _lock(self, owner: str, secrets: tuple[Secret, ...]) -> bytes:
        return self._vault.lock(_bound(owner), {"secrets": msgspec.json.encode(secrets).decode()})

    def _unlock(self, owner: str, locked: bytes) -> tuple[Secret, ...]:
        return _secrets.decode(self._vault.unlock(_bound(owner), locked)["secrets"])


def _bound(owner: str) -> str:
    return f"webhook-secrets:{owner}"
