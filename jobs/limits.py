"""What a key may use. Pure.

The installation has limits for everybody (settings), and a key's record may
say otherwise for each. The scripts that choose jobs and accept them read the
records themselves, so a change of how many may
wait or run holds at once, in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

#: A limit in a key's own record: a number, or that there is none.
OwnLimit = int | Literal["none"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may use; None is no limit.

    ``user_queued`` and ``user_running`` are for each end user whom a job names
    in ``metadata.user``; the others are for all jobs of the key together.
    """

    #: Jobs that may be submitted in a minute.
    submits_per_minute: int | None = None
    #: Other requests in a minute; each web process counts for itself.
    reads_per_minute: int | None = None
    #: Jobs that may wait.
    queued: int | None = None
    #: Jobs that may run at once.
    running: int | None = None
    #: Jobs that may wait, of one end user.
    user_queued: int | None = None
    #: Jobs that may run at once, of one end user.
    user_running: int | None = None
    #: Bytes of bodies of submissions in a day, and of uploads.
    input_bytes_per_day: int | None = None
    #: Event streams that may be open at once.
    streams: int | None = None


NAMES: Final[tuple[str, ...]] = Limits.__struct_fields__
UNLIMITED: Final = Limits()


def limits_of(everybody: Limits, own: Mapping[str, OwnLimit]) -> Limits:
    """The limits of a key: its own, and those for everybody where it has none."""
    changes = {name: None if value == "none" else value for name, value in own.items() if name in NAMES}
    return msgspec.structs.replace(everybody, **changes)
