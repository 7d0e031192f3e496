"""Files on the local disk: all or nothing, and never outside their folder."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from jobs.files import ArtifactError, ArtifactNotFound, LocalArtifacts

JOB = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
UPLOAD = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def files(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "artifacts")


def read(files: LocalArtifacts, job_id: str, digest: str) -> bytes:
    with files.open(job_id, digest) as file:
        return file.read()


def test_a_file_comes_back_by_its_hash(files: LocalArtifacts) -> None:
    digest = files.put(JOB, b"data")
    assert digest == hashlib.sha256(b"data").hexdigest()
    assert files.put(JOB, b"data") == digest
    assert read(files, JOB, digest) == b"data"


def test_jobs_do_not_share_files(files: LocalArtifacts) -> None:
    other = JOB[:-1] + "W"
    digest = files.put(JOB, b"data")
    files.put(other, b"data")
    files.delete(JOB)
    files.delete(JOB)
    with pytest.raises(ArtifactNotFound):
        files.open(JOB, digest)
    assert read(files, other, digest) == b"data"


@pytest.mark.parametrize("links", [True, False], ids=["a second name", "a disk without them"])
def test_a_file_that_two_share_outlives_the_first(
    files: LocalArtifacts, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    digest = files.put(UPLOAD, b"data")
    files.share(UPLOAD, digest, JOB)
    files.share(UPLOAD, digest, JOB)
    files.delete(UPLOAD)
    assert read(files, JOB, digest) == b"data"


def test_what_is_not_there_cannot_be_shared(files: LocalArtifacts) -> None:
    with pytest.raises(ArtifactNotFound):
        files.share(UPLOAD, "0" * 64, JOB)
    digest = files.put(UPLOAD, b"data")
    for holder, name, other in ((UPLOAD, "../x", JOB), ("../x", digest, JOB), (UPLOAD, digest, "../x")):
        with pytest.raises(ArtifactNotFound):
            files.share(holder, name, other)


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        (JOB, "../../../secret.key"),
        (JOB, "../" + JOB + "/" + "0" * 64),
        (JOB, "/etc/passwd"),
        (JOB, ""),
        (JOB, "."),
        (JOB, "0" * 63),
        (JOB, "0" * 64 + "\n"),
        (JOB, "A" * 64),
        ("../" + JOB, "0" * 64),
        ("..", "0" * 64),
        ("", "0" * 64),
        ("job/../..", "0" * 64),
        (JOB, "0" * 64),
    ],
)
def test_a_name_cannot_lead_elsewhere(files: LocalArtifacts, tmp_path: Path, job_id: str, name: str) -> None:
    files.put(JOB, b"data")
    (tmp_path / "secret.key").write_text("secret")
    with pytest.raises(ArtifactNotFound):
        files.open(job_id, name)


@pytest.mark.parametrize("job_id", ["..", "../..", "", "a/b"])
def test_nothing_outside_can_be_deleted_or_written(files: LocalArtifacts, tmp_path: Path, job_id: str) -> None:
    (tmp_path / "keep").write_text("x")
    for use in (lambda: files.delete(job_id), lambda: files.put(job_id, b"x")):
        with pytest.raises(ArtifactNotFound):
            use()
    assert (tmp_path / "keep").exists()


def test_a_full_disk_leaves_no_half_file(
    files: LocalArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ArtifactError, match="No space left"):
            files.put(JOB, b"data")
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []
    assert read(files, JOB, files.put(JOB, b"data")) == b"data"


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(ArtifactError):
        LocalArtifacts(tmp_path / "artifacts").put(JOB, b"data")
