"""Messages on the wire, as server-sent events. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from jobs.record.types import LoggedEvent
from jobs.resources.base import Resource
from jobs.resources.links import Links
from web.streaming.messages import messages_of

#: How long a client waits before it connects again, in milliseconds.
RETRY: Final = b"retry: 2000\n\n"
HEARTBEAT: Final = b": still here\n\n"

_encode: Final = msgspec.json.Encoder().encode


def message(kind: str, data: Resource, event_id: str | None = None) -> bytes:
    """One message on the wire. Without an id the client's place in the log stays where it is."""
    mark = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return mark + b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode(data))


def stream_of(entry: LoggedEvent, job_id: str, links: Links, final: Resource | None = None) -> bytes:
    """One event on the wire.

    Only its last message carries the id: a client that lost one of the others gets all of them again.

    Args:
        entry: The event.
        job_id: Its job.
        links: Addresses of the job's resources.
        final: The finished job, where this event is the last one.
    """
    messages = [*messages_of(entry.event, job_id, links)]
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
