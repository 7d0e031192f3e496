"""Artifacts on the local disk: ``{root}/{last two of the holder's id}/{that id}/{sha256}``."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from jobs.failpoints import failpoint
from jobs.files.artifacts import ArtifactError, ArtifactNotFound

#: The form of names: some come from job inputs, and none may lead out of the holder's folder.
_HOLDER: Final = re.compile(r"[A-Za-z0-9_]{2,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class LocalArtifacts:
    """:class:`jobs.files.ArtifactStore` in a directory that web and workers share.

    Args:
        root: Created if it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, holder: str) -> Path:
        if not _HOLDER.fullmatch(holder):
            raise ArtifactNotFound("there is no such job")
        return self.root / holder[-2:] / holder

    def _path(self, holder: str, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise ArtifactNotFound(f"{holder} has no such file")
        return self._folder(holder) / sha256

    def put(self, holder: str, data: bytes) -> str:
        """See :meth:`jobs.files.ArtifactStore.put`."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder(holder) / digest
        scratch = path.with_name(f".{digest}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            failpoint("artifact_written")
            scratch.replace(path)
            _flush(path.parent)
        except OSError as error:
            with suppress(OSError):
                scratch.unlink()
            raise ArtifactError(f"the file could not be stored: {error.strerror}") from error
        return digest

    def share(self, holder: str, sha256: str, other: str) -> None:
        """See :meth:`jobs.files.ArtifactStore.share`. A hard link, if the file system has them."""
        source, path = self._path(holder, sha256), self._path(other, sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.hardlink_to(source)
            _flush(path.parent)
        except OSError:
            # It is not there, or the file system has no hard links, or no more of them.
            with self.open(holder, sha256) as file:
                self.put(other, file.read())

    def open(self, holder: str, sha256: str) -> BinaryIO:
        """See :meth:`jobs.files.ArtifactStore.open`."""
        try:
            return self._path(holder, sha256).open("rb")
        except FileNotFoundError:
            raise ArtifactNotFound(f"{holder} has no such file") from None

    def delete(self, holder: str) -> None:
        """See :meth:`jobs.files.ArtifactStore.delete`."""
        shutil.rmtree(self._folder(holder), ignore_errors=True)

    # -- for the janitor -------------------------------------------------------

    def holders(self) -> Iterator[str]:
        """All holders with files, or with a folder for them, in no order."""
        for shelf in _inside(self.root):
            yield from _inside(self.root / shelf)

    def names(self, holder: str) -> list[str]:
        """The names of all files of a holder: hashes, and hidden names of files that are not written to the end."""
        return _inside(self._folder(holder))

    def discard(self, holder: str, name: str) -> None:
        """Delete one of :meth:`names`, and with the last one the folder."""
        folder = self._folder(holder)
        with suppress(OSError):
            (folder / name).unlink()
            folder.rmdir()


def _inside(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _flush(folder: Path) -> None:
    """Let a new name in a folder survive a power cut, as the file's own fsync does for its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
