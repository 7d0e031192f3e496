"""The interface of an artifact store.

A file is named by its job and its own hash. Jobs do not share files: deleting
one job then never needs to ask who else uses a file.
"""

from __future__ import annotations

from typing import BinaryIO, Protocol


class ArtifactError(Exception):
    """The file could not be stored."""


class ArtifactNotFound(ArtifactError):
    """There is no such file."""


class ArtifactStore(Protocol):
    """Keeps finished files."""

    def put(self, job_id: str, data: bytes) -> str:
        """Store a file, all or nothing, and answer its SHA-256 (hex). Storing it again changes nothing.

        Raises:
            ArtifactError: It could not be stored (disk full, no permission).
        """
        ...

    def open(self, job_id: str, sha256: str) -> BinaryIO:
        """Open a stored file; a seekable binary stream.

        Raises:
            ArtifactNotFound: There is none.
        """
        ...

    def delete(self, job_id: str) -> None:
        """Delete all files of a job; no error where there are none."""
        ...
