"""Bounds on the time and the size of what an app may send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait for an app, and how much of it to take.

    Args:
        connect: Seconds for a connection to be made.
        read: Seconds of silence on the socket. Heartbeats come every 15 s, so it must be longer.
        no_news: Seconds without any message but heartbeats, also for any other answer to be read whole.
        first_event: Seconds until the first message of a job.
        probe: Seconds until the first message of a job that is picked up: what waits unread is sent at once.
        event_bytes: Size of one message. Files come as paths, so 4 MiB holds any text and a picture sent inline.
        stream_bytes: Size of all messages of one job.
        events: Number of messages of one job, heartbeats included.
        body_bytes: Size of any other answer (/config holds the app's examples and can reach megabytes).
    """

    connect: float = 5.0
    read: float = 60.0
    no_news: float = 300.0
    first_event: float = 60.0
    probe: float = 3.0
    event_bytes: int = 4 << 20
    stream_bytes: int = 16 << 20
    events: int = 10_000
    body_bytes: int = 16 << 20


DEFAULT_LIMITS = Limits()
