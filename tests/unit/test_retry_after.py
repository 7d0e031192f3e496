"""The header ``Retry-After`` as receivers and apps send it."""

from __future__ import annotations

import email.utils

import pytest

from retry_after import wait_of

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("2", "", 2.0),
        ("0", "", 0.0),
        ("86400000", "", 300.0),
        ("9" * 5000, "", 300.0),
        ("-5", "", None),
        ("soon", "", None),
        ("", "", None),
        ("٣", "", None),
        (" 7 ", "", 7.0),
        (email.utils.formatdate(NOW + 90, usegmt=True), "", 90.0),
        (email.utils.formatdate(NOW + 90, usegmt=True), email.utils.formatdate(NOW + 60, usegmt=True), 30.0),
        ("Mon, 18 Nov 2026 09:27:40 -0000", "Mon, 18 Nov 2026 09:27:00 -0000", 40.0),
        (email.utils.formatdate(NOW - 90, usegmt=True), "", 0.0),
        ("Wed, 21 Oct 2037 07:28:00 GMT", "nonsense", 300.0),
        ("Wed, 99 Oct 2037 07:28:00 GMT", "", None),
    ],
)
def test_a_header_may_ask_for_a_wait_within_reason(retry_after: str, date: str, seconds: float | None) -> None:
    assert wait_of(retry_after, NOW, longest=300.0, date=date) == seconds
