"""Identifiers: sortable by time, 80 random bits. What they look like, as regular expressions without anchors."""

from __future__ import annotations

from typing import Final

from ulid import ULID

_ULID: Final = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
JOB: Final = f"job_{_ULID}"
BATCH: Final = f"batch_{_ULID}"
FILE: Final = f"file_{_ULID}"
KEY: Final = f"key_{_ULID}"
DELIVERY: Final = f"msg_{_ULID}"


def new_batch_id() -> str:
    """A new id of a batch."""
    return f"batch_{ULID()}"


def new_job_id() -> str:
    """A new id of a job."""
    return f"job_{ULID()}"


def new_file_id() -> str:
    """A new id of an upload."""
    return f"file_{ULID()}"


def new_key_id() -> str:
    """A new id of an API key."""
    return f"key_{ULID()}"


def new_delivery_id() -> str:
    """A new id of a webhook delivery."""
    return f"msg_{ULID()}"
