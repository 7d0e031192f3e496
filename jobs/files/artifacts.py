"""The interface of an artifact store.

A file is named by its holder (a job or an upload) and its own hash. Each holder
has its own files, so a holder can be deleted without asking who else uses them.
"""

from __future__ import annotations

from typing import BinaryIO, Protocol


class ArtifactError(Exception):
    """The file could not be stored."""


class ArtifactNotFound(ArtifactError):
    """There is no such file."""


class ArtifactStore(Protocol):
    """Keeps finished files."""

    def put(self, holder: str, data: bytes) -> str:
        """Store a file, whole or not at all, and return its SHA-256 (hex). Storing it again changes nothing.

        Raises:
            ArtifactError: It could not be stored (disk full, no permission).
        """
        ...

    def share(self, holder: str, sha256: str, other: str) -> None:
        """Give another holder the same file; it outlives the first holder's.

        Raises:
            ArtifactNotFound: There is none.
            ArtifactError: It could not be stored.
        """
        ...

    def open(self, holder: str, sha256: str) -> BinaryIO:
        """Open a stored file; a seekable binary stream.

        Raises:
            ArtifactNotFound: There is none.
        """
        ...

    def delete(self, holder: str) -> None:
        """Delete all files of a holder, if there are any."""
        ...
