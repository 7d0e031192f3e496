"""The header ``Retry-After`` (RFC 9110, 10.2.3). Pure."""

from __future__ import annotations

import email.utils
from datetime import UTC


def wait_of(header: str, now: float, *, longest: float, date: str = "") -> float | None:
    """Seconds that a ``Retry-After`` asks to wait; None if it cannot be read.

    Args:
        header: Seconds, or an HTTP date.
        now: Unix seconds.
        longest: Most seconds to return.
        date: The header ``Date`` of the same answer, if there is one. A date in ``header`` is then counted from it,
            since the sender's clock may differ from ours.
    """
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), longest)
    until, sent = _unix_seconds(header), _unix_seconds(date)
    return None if until is None else min(max(0.0, until - (now if sent is None else sent)), longest)


def _unix_seconds(text: str) -> float | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
