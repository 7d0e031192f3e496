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
        key: The client's idempotency key, hashed together with owner, method and route; None without one.
        repeated: Whether the client says that it sends the request again.
    """

    fingerprint: str
    key: str | None = None
    repeated: bool = False

    def arguments(self) -> dict[str, Any]:
        """The marks as the scripts take them."""
        marks = {"print": self.fingerprint, "key": self.key, "repeated": self.repeated or None}
        return {name: value for name, value in marks.items() if value is not None}

    def match(self, fingerprint: str, made: str) -> str:
        """The id of what an earlier request with this key made.

        Args:
            fingerprint: Of the earlier request.
            made: What it made.

        Raises:
            KeyReused: It was another request.
        """
        if fingerprint != self.fingerprint:
            raise KeyReused("the idempotency key was used for another request")
        return made


def once_of(
    vault: Vault, *, owner: str, route: str, path: str, body: bytes, key: str | None = None, repeated: bool = False
) -> Idempotency:
    """The marks of a request.

    Args:
        vault: Holds the secret of the fingerprint.
        owner: The owner of the request.
        route: Method and route, for which a key is valid.
        path: The address, which must be the same when the key comes again.
        body: The body in a canonical form.
        key: The client's idempotency key.
        repeated: Whether the client says that it sends the request again.
    """
    mark = vault.fingerprint("\n".join((owner, path, "")).encode() + body)
    hidden = None if key is None else hashlib.sha256(key.encode()).hexdigest()
    scoped = None if hidden is None else hashlib.sha256("\n".join((owner, route, hidden)).encode()).hexdigest()
    return Idempotency(fingerprint=mark, key=scoped, repeated=repeated)
