"""The interface of an artifact store.

A file is named by its holder (a job or an upload) and its own hash. Each holder
has its own files, so a holder can be deleted without asking who else uses them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class ArtifactError(Exception):
    """The file could not be stored."""


class ArtifactNotFound(ArtifactError):
    """There is no such file."""


class Draft(Protocol):
    """A file on its way into the store; it is gone at the end of its block unless it was kept."""

    @property
    def size(self) -> int:
        """The bytes written so far."""
        ...

    def write(self, piece: bytes) -> None:
        """Append a piece.

        Raises:
            ArtifactError: It could not be stored.
        """
        ...

    def file(self) -> BinaryIO:
        """What was written so far, at its begin; only to be read."""
        ...

    def keep(self) -> str:
        """Store the file, whole, and return its SHA-256 (hex).

        Raises:
            ArtifactError: It could not be stored.
        """
        ...


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


class OutputStore(ArtifactStore, Protocol):
    """A store that takes files piece by piece, too."""

    def draft(self, holder: str) -> AbstractContextManager[Draft]:
        """A block in which a file is written piece by piece, for one that is too large for the memory.

        Raises:
            ArtifactError: It could not be stored.
        """
        ...
