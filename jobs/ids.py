"""Identifiers: sortable by time, 80 random bits."""

from ulid import ULID


def new_batch_id() -> str:
    """A new batch id: ``batch_`` and a ULID."""
    return f"batch_{ULID()}"


def new_job_id() -> str:
    """A new job id: ``job_`` and a ULID."""
    return f"job_{ULID()}"


def new_file_id() -> str:
    """A new id of an upload: ``file_`` and a ULID."""
    return f"file_{ULID()}"
