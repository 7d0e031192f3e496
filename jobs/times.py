"""Times as clients see them, and as Redis keeps them."""

from __future__ import annotations

import time


def rfc3339(seconds: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds: ``2026-11-20T14:05:03.250Z``."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    moment = time.gmtime(whole)
    return (
        f"{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"
        f"T{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}.{milliseconds:03d}Z"
    )


def ms(seconds: float) -> int:
    """Whole milliseconds, as Redis keeps times and durations."""
    return round(seconds * 1000)
