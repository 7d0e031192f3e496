"""Long polling: ``Prefer: wait=n`` delays an answer until something happens to a job."""

from __future__ import annotations

import re
import time
from typing import Final

from flask import Request

from jobs.record.types import Record
from web.http.headers import header
from web.services import services
from web.streaming.messages import is_end
from web.streaming.pump import TooManyWatchers

#: Longest ``Prefer: wait``, in seconds.
LONGEST_WAIT: Final = 60

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])")


def wait_preference(asked: Request) -> int | None:
    """Seconds of ``Prefer: wait=n`` (RFC 7240), at most :data:`LONGEST_WAIT`; None if it is missing or unreadable."""
    match = _WAIT.search(header(asked, "Prefer"))
    return min(int(match[1]), LONGEST_WAIT) if match else None


def wait_for_news(record: Record, seconds: float, *, until_end: bool) -> bool:
    """Wait until something happens to a job.

    Args:
        record: The job as it was read.
        seconds: How long at most.
        until_end: Whether to wait for its end rather than for any event.

    Returns:
        Whether the wait was granted: False if there are too many watchers.
    """
    if record.job.status.is_terminal or seconds <= 0:
        return True
    try:
        watch = services().pump.watch(record.job.id, record.event_id)
    except TooManyWatchers:
        return False
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            news = watch.news(left)
            if any(is_end(entry.event) for entry in news) or (news and not until_end):
                break
    finally:
        watch.close()
    return True
