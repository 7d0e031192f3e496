"""Signed links: each opens one path of one owner's job without a key, until it expires. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

#: Longest signature that is checked, in characters.
_LONGEST: Final = 512
_SALT: Final = b"darkroom.link"


class BadSignature(ValueError):
    """The signature is invalid, expired, or for another path. Which of these is not told, on purpose."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link allows: to read one path of this server, as the owner of a job, until a time (Unix seconds)."""

    owner: str
    path: str
    until: int


class SignedLinks:
    """Signs and checks links.

    Args:
        keys: Secret bytes, newest first: the first signs, all of them verify.
        now: The clock, in Unix seconds.
    """

    def __init__(self, keys: Sequence[bytes], now: Callable[[], float]) -> None:
        # Not URLSafeTimedSerializer: it uses the host's clock, and refuses a signature of a host whose clock is ahead.
        options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._signers = tuple(URLSafeSerializer(key, _SALT, signer_kwargs=options) for key in keys)
        self._now = now

    def sign(self, grant: Grant) -> str:
        """The signature for a link."""
        return _text(self._signers[0], grant)

    def check(self, signature: str, path: str) -> Grant:
        """The grant that a signature gives for a path.

        Raises:
            BadSignature: It is invalid, expired, or for another path.
        """
        for signer in self._signers:
            grant = _grant(signer, signature)
            if grant is not None and grant.path == path and grant.until > self._now():
                return grant
        raise BadSignature


def _grant(signer: URLSafeSerializer, signature: str) -> Grant | None:
    if len(signature) > _LONGEST or not signature.isascii():
        return None
    try:
        owner, path, until = signer.loads(signature)
    except (BadData, ValueError, TypeError):
        return None
    grant = Grant(owner, path, until)
    # The last character of base64 has unused bits: without this check, four texts would be the same signature.
    return grant if hmac.compare_digest(_text(signer, grant), signature) else None


def _text(signer: URLSafeSerializer, grant: Grant) -> str:
    return str(signer.dumps([grant.owner, grant.path, grant.until]))
