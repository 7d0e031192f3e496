"""Identifiers: sortable by time, 80 random bits. What they look like, as regular expressions without anchors."""

from __future__ import annotations

from typing import Final, Literal

from ulid import ULID

_ULID: Final = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
JOB: Final = f"job_{_ULID}"
BATCH: Final = f"batch_{_ULID}"
FILE: Final = f"file_{_ULID}"
KEY: Final = f"key_{_ULID}"
DELIVERY: Final = f"msg_{_ULID}"


def new_id(kind: Literal["batch", "file", "job", "key", "msg", "test"]) -> str:
    """A new id, of a delivery where the kind is ``msg``."""
    return f"{kind}_{ULID()}"
