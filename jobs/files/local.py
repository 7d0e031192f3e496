"""Artifacts on the local disk: ``{root}/{last two of the holder's id}/{that id}/{sha256}``."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from jobs.failpoints import failpoint
from jobs.files.artifacts import ArtifactError, ArtifactNotFound

#: The form of names: some come from job inputs, and none may lead out of the holder's folder.
_HOLDER: Final = re.compile(r"[A-Za-z0-9_]{2,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


#: Bytes of a piece of a file that is copied.
_PIECE: Final = 1 << 20


class LocalDraft:
    """:class:`jobs.files.artifacts.Draft` beside its final place, under a hidden name."""

    def __init__(self, scratch: Path, file: BinaryIO) -> None:
        self._scratch = scratch
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """See :meth:`jobs.files.artifacts.Draft.write`."""
        with _on_disk():
            self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def file(self) -> BinaryIO:
        """See :meth:`jobs.files.artifacts.Draft.file`."""
        self._file.seek(0)
        return self._file

    def keep(self) -> str:
        """See :meth:`jobs.files.artifacts.Draft.keep`."""
        digest = self._hash.hexdigest()
        with _on_disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            failpoint("artifact_written")
            self._scratch.replace(self._scratch.with_name(digest))
            _flush(self._scratch.parent)
        return digest


class LocalArtifacts:
    """:class:`jobs.files.ArtifactStore` in a directory that web and workers share; it is created if it is missing."""

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
        with self.draft(holder) as draft:
            draft.write(data)
            return draft.keep()

    @contextmanager
    def draft(self, holder: str) -> Iterator[LocalDraft]:
        """See :meth:`jobs.files.OutputStore.draft`."""
        scratch = self._folder(holder) / f".draft.{secrets.token_hex(8)}"
        with _on_disk():
            scratch.parent.mkdir(parents=True, exist_ok=True)
            file = scratch.open("w+b")
        try:
            yield LocalDraft(scratch, file)
        finally:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                scratch.unlink()

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
            with self.open(holder, sha256) as file, self.draft(other) as draft:
                while piece := file.read(_PIECE):
                    draft.write(piece)
                draft.keep()

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


@contextmanager
def _on_disk() -> Iterator[None]:
    """A block whose faults of the disk are ArtifactErrors."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"the file could not be stored: {error.strerror}") from error


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
