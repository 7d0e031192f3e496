"""What is kept of deleted jobs: about 50 bytes each, so that a month of a million jobs a day fits into memory.

Tombstones of jobs that were created at about the same time share a hash, whose entries Redis keeps side by side in one
piece as long as they are few and short. Such a hash expires as a whole, so a tombstone stands a little longer than its
days; and where it is full, the next one with the same time goes on.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from ulid import ULID

from jobs.ids import KEY
from jobs.model import Status, Tombstone
from jobs.record.keys import ms

#: A state, a reason and the kind of the owner in one byte, then two times in milliseconds; the owner follows.
_HEAD: Final = struct.Struct(">BQQ")
#: By their number, which must not change; also those in which no job is deleted.
_STATES: Final = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED, Status.QUEUED, Status.RUNNING)
_DELETED: Final = 0x40
_KEY_OWNER: Final = 0x80
_STATE: Final = 0x3F
_PREFIX: Final = "key_"
_KEY_ID: Final = re.compile(KEY)
#: Bytes of an id that tell its time to about a minute. The others are its field.
_TIME_BYTES: Final = 4


def place(job_id: str) -> tuple[str, bytes]:
    """Where a job's tombstone is: the time that names its hashes, and its field in one of them."""
    _, _, text = job_id.partition("_")
    try:
        raw = bytes(ULID.from_str(text))
    except ValueError:
        # No id that was ever given out.
        return "0", job_id.encode()
    return raw[:_TIME_BYTES].hex(), raw[_TIME_BYTES:]


def packed(stone: Tombstone) -> bytes:
    """A tombstone as it is stored; the job's id is its place."""
    head = _STATES.index(stone.status) | (_DELETED if stone.reason == "deleted" else 0)
    owner = stone.owner.encode()
    if _KEY_ID.fullmatch(stone.owner):
        head |= _KEY_OWNER
        owner = bytes(ULID.from_str(stone.owner.removeprefix(_PREFIX)))
    return _HEAD.pack(head, ms(stone.finished_at), ms(stone.deleted_at)) + owner


def unpacked(job_id: str, stored: bytes) -> Tombstone:
    """The tombstone of a job."""
    head, finished, deleted = _HEAD.unpack_from(stored)
    owner = stored[_HEAD.size :]
    return Tombstone(
        id=job_id,
        owner=f"{_PREFIX}{ULID(owner)}" if head & _KEY_OWNER else owner.decode(),
        status=_STATES[head & _STATE],
        reason="deleted" if head & _DELETED else "expired",
        finished_at=finished / 1000,
        deleted_at=deleted / 1000,
    )
