"""Uploads: whose they are, how much room there is, and when they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs.errors import KeyReused, UploadNotFound, UploadsFull
from jobs.files import ArtifactError, LocalArtifacts
from jobs.files.uploads import FileInfo, Label, Upload, Uploads, Usage
from jobs.idempotency import Idempotency
from jobs.record import keys
from jobs.record.connection import Connection
from tests.support.connections import RiggedConnection

PICTURE = FileInfo("image/png", 8, 8)


@pytest.fixture
def files(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "artifacts")


@pytest.fixture
def uploads(connection: Connection, files: LocalArtifacts) -> Uploads:
    return Uploads(connection, files, most_bytes=100)


def add(
    uploads: Uploads, data: bytes = b"pixels", owner: str = "key_1", key: str | None = None, **changes: Any
) -> Upload:
    return again(uploads, data, owner, key, **changes)[0]


def again(uploads: Uploads, data: bytes, owner: str, key: str | None, **changes: Any) -> tuple[Upload, bool]:
    label = Label(**{"name": "a.png", "purpose": "vision", "seconds": 60, "metadata": {}, **changes})
    return uploads.add(owner, data, PICTURE, label, Idempotency(fingerprint=data.hex(), key=key))


def on_disk(tmp_path: Path) -> set[str]:
    return {path.parent.name for path in tmp_path.rglob("*") if path.is_file()}


def left(client: redis.Redis) -> list[bytes]:
    """Keys in Redis that are about uploads."""
    return sorted(client.scan_iter("dr:file*"))


def test_an_upload_comes_back(uploads: Uploads) -> None:
    made = add(uploads, metadata={"album": "sea"})
    assert uploads.get(made.id, "key_1") == made
    assert (made.bytes, made.expires_at - made.created_at, made.metadata) == (6, 60, {"album": "sea"})
    with uploads.open(made) as file:
        assert file.read() == b"pixels"


@pytest.mark.parametrize("action", ["get", "delete"])
def test_another_owners_upload_looks_like_an_unknown_one(uploads: Uploads, action: str) -> None:
    made = add(uploads)
    texts = []
    for owner, file_id in (("key_2", made.id), ("key_1", "file_unknown"), ("key_1/x", made.id)):
        with pytest.raises(UploadNotFound) as refused:
            getattr(uploads, action)(file_id, owner)
        texts.append(str(refused.value).replace(file_id, "X"))
    assert len(set(texts)) == 1
    assert uploads.page("key_2", cursor=None, limit=9) == ((), None)
    assert uploads.get(made.id, "key_1") == made


def test_a_deleted_upload_leaves_nothing(uploads: Uploads, client: redis.Redis, tmp_path: Path) -> None:
    made = add(uploads)
    uploads.delete(made.id, "key_1")
    with pytest.raises(UploadNotFound):
        uploads.get(made.id, "key_1")
    assert left(client) == []
    assert on_disk(tmp_path) == set()
    assert uploads.usage("key_1") == Usage(0, 0)


def test_an_upload_ends_by_itself(uploads: Uploads, connection: RiggedConnection, tmp_path: Path) -> None:
    short, long = add(uploads, b"short", seconds=1), add(uploads, b"long")
    assert uploads.expire() == 0
    connection.ahead = 2
    # It is over at once, whenever the scheduler comes by.
    assert uploads.find(short.id, "key_1") is None
    assert [one.id for one in uploads.page("key_1", cursor=None, limit=9)[0]] == [long.id]
    assert uploads.expire() == 1
    assert on_disk(tmp_path) == {long.id}
    assert uploads.usage("key_1") == Usage(1, 4)


def test_what_an_upload_that_broke_off_left_is_tidied_up(
    uploads: Uploads, client: redis.Redis, connection: RiggedConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def crash(*_: Any) -> Any:
            raise SystemExit

        patch.setattr(uploads, "_written", crash)
        with pytest.raises(SystemExit):
            add(uploads)
    assert len(on_disk(tmp_path)) == 1
    assert uploads.usage("key_1") == Usage(0, 0)
    assert uploads.expire() == 0
    connection.ahead = 3601
    assert uploads.expire() == 1
    assert on_disk(tmp_path) == set()
    assert left(client) == []


def test_a_deletion_that_broke_off_is_finished(
    uploads: Uploads, files: LocalArtifacts, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(uploads)
    with monkeypatch.context() as patch:

        def crash(_: str) -> None:
            raise SystemExit

        patch.setattr(files, "delete", crash)
        with pytest.raises(SystemExit):
            uploads.delete(made.id, "key_1")
    assert uploads.find(made.id, "key_1") is None
    assert on_disk(tmp_path) == {made.id}
    assert uploads.expire() == 1
    assert on_disk(tmp_path) == set()
    assert left(client) == []


def test_a_full_disk_leaves_no_upload(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(ArtifactError):
        add(uploads)
    assert uploads.usage("key_1") == Usage(0, 0)
    assert uploads.page("key_1", cursor=None, limit=9) == ((), None)


def test_one_owners_bytes_are_bounded(uploads: Uploads, tmp_path: Path) -> None:
    first = add(uploads, b"x" * 60)
    with pytest.raises(UploadsFull, match="60 bytes"):
        add(uploads, b"y" * 41)
    assert on_disk(tmp_path) == {first.id}
    uploads.check_room("key_1")
    add(uploads, b"z" * 40)
    with pytest.raises(UploadsFull):
        uploads.check_room("key_1")
    add(uploads, b"x" * 60, owner="key_2")
    uploads.delete(first.id, "key_1")
    uploads.check_room("key_1")
    assert uploads.usage("key_1") == Usage(1, 40)


def test_one_owners_uploads_are_counted(connection: Connection, files: LocalArtifacts) -> None:
    uploads = Uploads(connection, files, most_bytes=100, most=2)
    add(uploads)
    add(uploads)
    with pytest.raises(UploadsFull):
        add(uploads)
    with pytest.raises(UploadsFull):
        uploads.check_room("key_1")


def test_the_same_request_makes_one_upload(uploads: Uploads, tmp_path: Path) -> None:
    first, replayed = again(uploads, b"pixels", "key_1", "k")
    assert not replayed
    assert again(uploads, b"pixels", "key_1", "k") == (first, True)
    with pytest.raises(KeyReused):
        add(uploads, b"others", key="k")
    assert on_disk(tmp_path) == {first.id}
    assert uploads.usage("key_1").count == 1
    uploads.delete(first.id, "key_1")
    with pytest.raises(UploadNotFound):
        again(uploads, b"pixels", "key_1", "k")


def test_a_list_goes_on_where_it_was_left(uploads: Uploads) -> None:
    ids = sorted((add(uploads, b"").id for _ in range(5)), reverse=True)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        found, cursor = uploads.page("key_1", cursor=cursor, limit=2)
        seen += [one.id for one in found]
        add(uploads, b"")  # what comes later is not in the rest of the list
    assert seen == ids
    assert cursor is None


def test_an_upload_that_cannot_be_read_costs_itself(uploads: Uploads, client: redis.Redis) -> None:
    ids = [add(uploads, b"").id for _ in range(3)]
    client.hset(keys.files("key_1"), ids[1], b"no record")
    client.hset(keys.files("key_1"), b"\xff\xfe", b"no record either")
    found, _ = uploads.page("key_1", cursor=None, limit=10)
    assert [one.id for one in found] == [ids[2], ids[0]]


@pytest.fixture(autouse=True)
def _no_key_of_uploads_is_unknown(client: redis.Redis) -> Iterator[None]:
    yield
    known = {keys.FILE_BYTES, keys.FILE_DUE, keys.files("key_1"), keys.files("key_2")}
    assert {name.decode() for name in left(client)} <= known
