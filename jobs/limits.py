"""The limits of API keys. Pure.

The installation has limits for all keys (settings), and a key's record may have
its own for each. The scripts that accept and choose jobs read the records
themselves, so a change of a limit of waiting or running jobs takes effect at
once, in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta

#: A limit in a key's own record: a number, or none.
OwnLimit = int | Literal["none"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one key; None: unlimited.

    ``user_queued`` and ``user_running`` are for each end user whom a job names
    in ``metadata.user``; the others are for all jobs of the key together.
    """

    submits_per_minute: Annotated[
        int | None, Meta(description="Jobs submitted in a minute. A refused request counts.")
    ] = None
    reads_per_minute: Annotated[
        int | None, Meta(description="Other requests in a minute. Each web process counts for itself.")
    ] = None
    queued: Annotated[int | None, Meta(description="Jobs that wait.")] = None
    running: Annotated[int | None, Meta(description="Jobs that run, or are on their way to a worker.")] = None
    user_queued: Annotated[int | None, Meta(description="Jobs of one end user that wait.")] = None
    user_running: Annotated[int | None, Meta(description="Jobs of one end user that run.")] = None
    input_bytes_per_day: Annotated[
        int | None, Meta(description="Bytes of submissions' bodies and of uploaded files in 24 hours.")
    ] = None
    streams: Annotated[int | None, Meta(description="Open event streams.")] = None


NAMES: Final[tuple[str, ...]] = Limits.__struct_fields__
#: What each limit bounds.
MEANINGS: Final[Mapping[str, str]] = {
    name: hint.__metadata__[0].description for name, hint in get_type_hints(Limits, include_extras=True).items()
}
UNLIMITED: Final = Limits()


def limits_of(common: Limits, own: Mapping[str, OwnLimit]) -> Limits:
    """The limits of a key: its own, and the installation's for the rest."""
    changes = {name: None if value == "none" else value for name, value in own.items() if name in NAMES}
    return msgspec.structs.replace(common, **changes)
