"""Messages on the wire, as server-sent events. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from jobs.record.types import LoggedEvent
from jobs.resources.base import Links, Resource
from web.streaming.messages import messages_of

#: How long a client waits before it connects again, in milliseconds.
RETRY: Final = b"retry: 2000\n\n"
HEARTBEAT: Final = b": still here\n\n"

#: Events that a process remembers on the wire, and the longest of them in bytes.
_KEPT: Final = 1024
_KEPT_BYTES: Final = 8 << 10

_encode: Final = msgspec.json.Encoder().encode


def message(kind: str, data: Resource | msgspec.Raw, event_id: str | None = None) -> bytes:
    """One message on the wire. Without an id the client's place in the log stays where it is."""
    mark = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return mark + b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode(data))


class EventBytes:
    """Events on the wire, each encoded once for all that watch its job. ``kept``: how many are remembered."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    def of(self, entry: LoggedEvent, job_id: str, links: Links) -> bytes:
        """One event that is not the last one of its job."""
        key = (entry.id, job_id, links.base)
        found = self._kept.get(key)
        if found is None:
            found = stream_of(entry, job_id, links)
            if len(found) <= _KEPT_BYTES:
                self._kept[key] = found
                if len(self._kept) > self._most:
                    # All watchers get an event at the same time: the oldest is the one that nobody waits for.
                    self._kept.popitem(last=False)
        return found


def stream_of(entry: LoggedEvent, job_id: str, links: Links, final: Resource | msgspec.Raw | None = None) -> bytes:
    """One event on the wire; with the finished job (``final``) where it is the last one.

    Only its last message carries the id: a client that lost one of the others gets all of them again.
    """
    messages: list[tuple[str, Resource | msgspec.Raw]] = [*messages_of(entry.event, job_id, links)]
    if final is not None:
        messages.append(("end", final))
    last = len(messages) - 1
    return b"".join(
        message(kind, data, entry.id if number == last else None) for number, (kind, data) in enumerate(messages)
    )


def before(event_id: str) -> str | None:
    """The largest id that is smaller than an event's; None for a text that is no event id."""
    milliseconds, _, number = event_id.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 19 for part in (milliseconds, number)):
        return None
    if int(number) > 0:
        return f"{int(milliseconds)}-{int(number) - 1}"
    return f"{max(0, int(milliseconds) - 1)}-{2**64 - 1}"
