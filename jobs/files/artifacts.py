"""The interface of an artifact store.

A file is named by its holder (a job, or an upload) and its own hash. Holders
do not share files: deleting one then never needs to ask who else uses a file.
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
        """Store a file, all or nothing, and answer its SHA-256 (hex). Storing it again changes nothing.

        Raises:
            ArtifactError: It could not be stored (disk full, no permission).
        """
        ...

    def share(self, holder: str, sha256: str, other: str) -> None:
        """Give another holder the same file, for as long as that one lives.

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
        """Delete all files of a holder; no error where there are none."""
        ...
