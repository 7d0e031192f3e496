"""Artifacts on the local disk: ``{root}/{last two of the job id}/{job id}/{sha256}``."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO

from jobs.artifacts.base import ArtifactError, ArtifactNotFound
from jobs.failpoints import failpoint


class LocalArtifacts:
    """:class:`jobs.artifacts.ArtifactStore` in a directory that web and workers share.

    Args:
        root: Made where it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def _folder(self, job_id: str) -> Path:
        return self._root / job_id[-2:] / job_id

    def put(self, job_id: str, data: bytes) -> str:
        """See :meth:`jobs.artifacts.ArtifactStore.put`."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder(job_id) / digest
        scratch = path.with_name(f".{digest}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            failpoint("artifact_written")
            scratch.replace(path)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise ArtifactError(f"the file could not be stored: {error.strerror}") from error
        return digest

    def open(self, job_id: str, sha256: str) -> BinaryIO:
        """See :meth:`jobs.artifacts.ArtifactStore.open`."""
        try:
            return (self._folder(job_id) / sha256).open("rb")
        except FileNotFoundError:
            raise ArtifactNotFound(f"{job_id} has no such file") from None

    def delete(self, job_id: str) -> None:
        """See :meth:`jobs.artifacts.ArtifactStore.delete`."""
        shutil.rmtree(self._folder(job_id), ignore_errors=True)
