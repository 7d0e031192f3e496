"""Bounds on the time and the size of what an app may send."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLimits:
    """How long to wait for an app, and how much to accept from it.

    Args:
        read: Seconds of silence on the socket. Heartbeats come every 15 s, so it must be longer: it finds dead connections.
        no_news: Seconds that a function may work without any message but heartbeats. Most plain functions say nothing
            until their end, so only the attempt's own time limits them.
        answer: Seconds for reading any other answer.
        first_event: Seconds until the first message of a job.
        probe: Seconds until the first message of a job that is picked up: the app sends unread messages at once.
        event_bytes: Size of one message. Files come as paths, so 4 MiB is enough for any text and for an inline image.
        stream_bytes: Size of all messages of one job.
        events: Number of messages of one job, with heartbeats.
        body_bytes: Size of any other answer. ``/config`` contains the app's examples and can reach megabytes.
    """

    connect: float = 5.0
    read: float = 60.0
    no_news: float = math.inf
    answer: float = 300.0
    first_event: float = 60.0
    probe: float = 3.0
    event_bytes: int = 4 << 20
    stream_bytes: int = 16 << 20
    events: int = 10_000
    body_bytes: int = 16 << 20


DEFAULT_LIMITS = AppLimits()
