"""Secrets in the configuration. Each is a text, or is read from a file or from a variable of the environment.

::

    token = "hf_…"
    token = { file = "/run/secrets/hf_token" }
    token = { env = "HF_TOKEN" }

No error shows a secret, nor what stands in its place.
"""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Final

#: Longest secret, in bytes.
_LIMIT: Final = 16_384
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
#: Headers that say how a request is framed, or to whom it goes.
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding", "te", "upgrade"}
)


def secret(value: object) -> str:
    """A secret, from wherever it is."""
    match value:
        case str():
            found = value
        case {"file": str(path), **rest} if not rest:
            found = _from_file(path)
        case {"env": str(name), **rest} if not rest:
            found = os.environ.get(name, "")
            if not found:
                raise ValueError(f"the environment has no {name}, or it is empty")
        case _:
            raise ValueError('give a text, { file = "/absolute/path" } or { env = "NAME" }')
    if not found.strip():
        raise ValueError("it is empty")
    return found


def name_and_password(value: object) -> tuple[str, str]:
    """A user name and a password; each may be a secret."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError('give ["user name", "password"]')
    name, password = map(secret, value)
    return name, password


def header_value(value: object) -> str:
    """A secret that goes into a header."""
    found = secret(value)
    if not found.isascii() or not found.isprintable() or found != found.strip():
        raise ValueError("it contains characters that a header cannot have")
    return found


def headers(value: object) -> dict[str, str]:
    """Headers by name; each value may be a secret."""
    if not isinstance(value, dict):
        raise ValueError('give a table, such as { X-Key = "…" }')  # noqa: TRY004 - as all readers of values
    found = {}
    for name, given in value.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"{name[:100]!r} cannot be set")
        try:
            found[name] = header_value(given)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


def certificates(value: object) -> str:
    """The absolute path of a file with certificates in PEM."""
    path = _absolute(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: certificates cannot be read from it: {getattr(error, 'strerror', error)}") from None
    return str(path)


def _from_file(name: str) -> str:
    path = _absolute(name)
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
        found = data.decode()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: it cannot be read: {getattr(error, 'strerror', 'it is no text')}") from None
    if len(data) > _LIMIT:
        raise ValueError(f"{path}: it is longer than {_LIMIT} bytes")
    return found.strip("\r\n")


def _absolute(name: object) -> Path:
    if not isinstance(name, str) or not name.strip():
        raise ValueError("give an absolute path")
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise ValueError("there is no such home directory") from None
    if not path.is_absolute():
        raise ValueError("give an absolute path: each process has a working directory of its own")
    return path
