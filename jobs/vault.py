"""Credentials at rest: AES-256-GCM, bound to their job.

The job id is the associated data, so a ciphertext that is moved to another job
cannot be decrypted (Fernet has no such binding).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32


class VaultError(Exception):
    """The key is unusable, or a ciphertext was not made with it for this job. Never holds a secret."""


class Vault:
    """Encrypts the credentials of jobs, and derives keys for all other purposes.

    A key has 32 bytes. What the older ones encrypted, before it replaced them, they decrypt.
    """

    def __init__(self, key: bytes, *older: bytes) -> None:
        for one in (key, *older):
            if len(one) != _KEY_BYTES:
                raise VaultError(f"a secret key has {len(one)} bytes instead of {_KEY_BYTES}")
        self._keys = (key, *older)
        self._ciphers = tuple(map(AESGCM, self._keys))
        self._marking = self.derived("fingerprint")

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Read the keys, one per line, the newest first.

        A missing file is created with one key (mode 0600, safe against a second process that does the same).

        Raises:
            VaultError: The file holds no key, or cannot be read or made.
        """
        try:
            if not path.exists():
                _make(path)
            return cls(*(base64.b64decode(line, validate=True) for line in path.read_bytes().split()))
        except OSError as error:
            raise VaultError(f"DARKROOM_SECRET_KEY_FILE={path}: {error.strerror}") from error
        except (TypeError, ValueError, VaultError) as error:
            raise VaultError(f"{path} holds no key: 32 random bytes in base64 are expected on each line") from error

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for another purpose, one from each key, the newest first."""
        return tuple(hmac.digest(key, purpose.encode(), hashlib.sha256) for key in self._keys)

    def fingerprint(self, data: bytes) -> str:
        """A keyed hash (hex) of the data; without the key it does not help to guess them."""
        return self.fingerprints(data)[0]

    def fingerprints(self, data: bytes) -> tuple[str, ...]:
        """The fingerprint by each key, the newest first: what was written before a new key came is found by the others."""
        return tuple(hmac.digest(key, data, hashlib.sha256).hex() for key in self._marking)

    def lock(self, job_id: str, credentials: Mapping[str, str]) -> bytes:
        """Encrypt the credentials of one job."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, json.dumps(dict(credentials)).encode(), job_id.encode())

    def unlock(self, job_id: str, locked: bytes) -> dict[str, str]:
        """Decrypt what :meth:`lock` encrypted for the same job.

        Raises:
            VaultError: It was encrypted for another job, or with another key.
        """
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(locked[:_NONCE_BYTES], locked[_NONCE_BYTES:], job_id.encode())
            except (InvalidTag, ValueError):
                continue
            return dict(json.loads(plain))
        raise VaultError(f"the credentials of {job_id} cannot be read with this secret key")


def _make(path: Path) -> None:
    """Make the file with a new key, unless another process is faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
        # link, not rename: the first process to get here wins, and no other overwrites its key.
        with suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
