"""Uploads: files that a client sends once, and names in jobs by their ids.

An upload belongs to its owner: for all others it does not exist. A job that
names one shares the file, and keeps it when the upload is deleted. Before a
file is stored, its id is put among the uploads that expire soon: if the upload
breaks off, the scheduler finds it there and deletes it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import msgspec

from jobs.errors import StoreUnavailable, UploadNotFound, UploadsFull
from jobs.files import ArtifactStore
from jobs.idempotency import Idempotency
from jobs.ids import new_id
from jobs.model import Noun
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.keys import ms
from jobs.record.outages import available
from resilience import survive

log = logging.getLogger(__name__)

#: Most uploads of one owner.
COUNT_LIMIT: Final = 1000
#: Seconds in which an upload must be written; one that takes longer is deleted.
_WRITING_SECONDS: Final = 3600
#: Seconds until an upload that could not be deleted is tried again.
_AGAIN_SECONDS: Final = 600
#: Expired uploads that are deleted in one round of the scheduler.
_ROUND: Final = 200


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The content type of a file that was checked, and the sides of an image in pixels."""

    content_type: str
    width: int | None = None
    height: int | None = None


class Upload(Noun, frozen=True, kw_only=True):
    """A file that was uploaded; an image, made anew from its pixels. ``bytes`` is its size, ``sha256`` its hex digest.

    Only an image has a width and a height, in pixels.
    """

    id: str
    owner: str
    name: str
    purpose: str
    content_type: str
    width: int | None = None
    height: int | None = None
    bytes: int
    sha256: str
    created_at: float
    expires_at: float
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner's uploads use: their number, and their bytes together."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a client says of an upload; ``seconds``: how long it is kept."""

    name: str
    purpose: str
    seconds: int
    metadata: dict[str, str]


_upload = msgspec.json.Decoder(Upload)
_encode = msgspec.json.Encoder().encode


class Uploads:
    """The uploads of this installation; of one owner at most ``most``, and ``most_bytes`` together.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(
        self, connection: Connection, artifacts: ArtifactStore, most_bytes: int, most: int = COUNT_LIMIT
    ) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._artifacts = artifacts
        self._most_bytes = most_bytes
        self._most = most

    def check_room(self, owner: str) -> None:
        """Refuse an owner who has no room left, before the file is read.

        Raises:
            UploadsFull: There is none.
        """
        usage = self.usage(owner)
        if usage.count >= self._most or usage.bytes >= self._most_bytes:
            raise self._full(usage)

    def add(self, owner: str, data: bytes, info: FileInfo, label: Label, once: Idempotency) -> tuple[Upload, bool]:
        """Keep a file that was checked; an image, that :func:`jobs.files.images.clean` made. Of the marks the key counts.

        Returns:
            The upload, and whether an earlier sending of the request made it.

        Raises:
            UploadsFull: The owner has no room for it.
            KeyReused: The idempotency key came with another request before.
            UploadNotFound: The upload that it made then is no longer there.
            ArtifactError: It could not be stored.
        """
        # This also checks that it is the right database: in another one the upload would never be found.
        self._connection.check_writes()
        self._connection.memory.check_room()
        file_id, now = new_id("file"), self._connection.now()
        member = f"{owner}/{file_id}"
        with available():
            self._redis.zadd(keys.FILE_DUE, {member: ms(now + _WRITING_SECONDS)})
        upload = Upload(
            id=file_id,
            owner=owner,
            name=label.name,
            purpose=label.purpose,
            content_type=info.content_type,
            width=info.width,
            height=info.height,
            bytes=len(data),
            sha256=self._artifacts.put(file_id, data),
            created_at=now,
            expires_at=now + label.seconds,
            metadata=label.metadata,
        )
        answer = self._written(upload, once)
        if answer[0] == b"ok":
            return upload, False
        self._tidy(member)
        if answer[0] == b"full":
            raise self._full(self.usage(owner))
        return self.get(once.match(answer[1].decode(), answer[2].decode()), owner), True

    def _written(self, upload: Upload, once: Idempotency) -> list[bytes]:
        order: dict[str, Any] = {
            "id": upload.id,
            "owner": upload.owner,
            "bytes": upload.bytes,
            "expires": ms(upload.expires_at),
            "most": self._most,
            "most_bytes": self._most_bytes,
        }
        if once.key is not None:
            order["once"] = once.arguments()
        answer: list[bytes] = self._connection.run("upload", json.dumps(order), _encode(upload))
        return answer

    def _full(self, usage: Usage) -> UploadsFull:
        return UploadsFull(
            f"{usage.count} files with {usage.bytes} bytes are kept; at most {self._most} with {self._most_bytes}"
        )

    def find(self, file_id: str, owner: str) -> Upload | None:
        """An upload of this owner; None: there is none, or it has expired."""
        with available():
            doc = self._redis.hget(keys.files(owner), file_id)
        upload = None if doc is None else _upload.decode(doc)
        return upload if upload is not None and upload.expires_at > self._connection.now() else None

    def get(self, file_id: str, owner: str) -> Upload:
        """An upload of this owner.

        Raises:
            UploadNotFound: There is none, it has expired, or it is another owner's.
        """
        upload = self.find(file_id, owner)
        if upload is None:
            raise UploadNotFound(f"there is no file {file_id}")
        return upload

    def page(self, owner: str, *, cursor: str | None, limit: int) -> tuple[tuple[Upload, ...], str | None]:
        """A part of the owner's uploads, newest first, and the cursor of the next part: the last id of this one."""
        with available():
            ids = self._redis.hkeys(keys.files(owner))
            older = sorted((one for one in ids if cursor is None or one < cursor.encode()), reverse=True)
            docs = self._redis.hmget(keys.files(owner), *older[:limit]) if older else []
        found: list[Upload] = []
        for file_id, doc in zip(older, docs, strict=False):
            # One that cannot be read keeps no other from the list.
            with survive(log, "the upload's record cannot be read", file=repr(file_id)):
                found += [] if doc is None else [_upload.decode(doc)]
        now = self._connection.now()
        valid = tuple(upload for upload in found if upload.expires_at > now)
        return valid, older[limit - 1].decode("utf-8", "replace") if len(older) > limit else None

    def open(self, upload: Upload) -> BinaryIO:
        """The file, as a seekable binary stream.

        Raises:
            ArtifactNotFound: It was deleted just now.
        """
        return self._artifacts.open(upload.id, upload.sha256)

    def delete(self, file_id: str, owner: str) -> None:
        """Delete an upload. Jobs that were accepted with it keep the image.

        Raises:
            UploadNotFound: As :meth:`get`.
        """
        self._tidy(f"{self.get(file_id, owner).owner}/{file_id}")

    def usage(self, owner: str) -> Usage:
        """What the owner's uploads use now."""
        with available():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hlen(keys.files(owner))
            pipe.hget(keys.FILE_BYTES, owner)
            count, size = pipe.execute()
        return Usage(count, int(size or 0))

    def expire(self) -> int:
        """Delete expired uploads, and the files of uploads that broke off; answers how many."""
        now = ms(self._connection.now())
        with available():
            due = self._redis.zrangebyscore(keys.FILE_DUE, 0, now, start=0, num=_ROUND)
        for member in due:
            with survive(log, "an expired upload cannot be deleted", unless=(StoreUnavailable, MemoryError)):
                self._tidy(member.decode())
                continue
            # It keeps no other waiting.
            with available():
                self._redis.zadd(keys.FILE_DUE, {member: now + ms(_AGAIN_SECONDS)})
        return len(due)

    def _tidy(self, member: str) -> None:
        """Delete the record first, then the file. Until both are done, the upload stays among those that are due."""
        owner, _, file_id = member.partition("/")
        self._connection.run("discard", owner, file_id)
        self._artifacts.delete(file_id)
        with available():
            self._redis.zrem(keys.FILE_DUE, member)
