"""Idempotency: a request that is sent again, with its key or by an SDK, happens once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from jobs.errors import KeyReused
from jobs.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """The marks of a request that makes something.

    Args:
        fingerprint: A hash of its owner, its address and its body. It is keyed, since a body may hold a secret that
            could be guessed from a plain hash.
        older: The fingerprints that it has by the server's older secret keys: an earlier request may have had one.
        key: The client's idempotency key, hashed together with owner, method and route; None without one.
        repeated: Whether the client says that it sends the request again.
        server: The web process that has the client's connection, if the client stays connected for the result
            (:mod:`jobs.record.unanswered`).
    """

    fingerprint: str
    older: tuple[str, ...] = ()
    key: str | None = None
    repeated: bool = False
    server: str | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """All of its fingerprints, that by the newest secret key first."""
        return self.fingerprint, *self.older

    def arguments(self) -> dict[str, Any]:
        """The marks as the scripts take them."""
        marks = {
            "print": self.fingerprint,
            "older": self.older or None,
            "key": self.key,
            "repeated": self.repeated or None,
            "server": self.server,
        }
        return {name: value for name, value in marks.items() if value is not None}

    def match(self, fingerprint: str, made: str) -> str:
        """``made``, the id of what an earlier request with this key and that fingerprint made.

        Raises:
            KeyReused: It was another request.
        """
        if fingerprint not in self.fingerprints:
            raise KeyReused("the idempotency key was used for another request")
        return made


def once_of(
    vault: Vault, *, owner: str, route: str, path: str, body: bytes, key: str | None = None, repeated: bool = False
) -> Idempotency:
    """The marks of a request. Its body is in a canonical form. Its key is valid for its route, at the same path."""
    mark, *older = vault.fingerprints("\n".join((owner, path, "")).encode() + body)
    hidden = None if key is None else hashlib.sha256(key.encode()).hexdigest()
    scoped = None if hidden is None else hashlib.sha256("\n".join((owner, route, hidden)).encode()).hexdigest()
    return Idempotency(fingerprint=mark, older=tuple(older), key=scoped, repeated=repeated)
