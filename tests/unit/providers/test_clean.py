from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import clean

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("'gr error: boo'", "gr error: boo"),
        ('"it\'s quoted"', "it's quoted"),
        (r"'it\'s \"both\"'", 'it\'s "both"'),
        (r"'line\none\ttab \xe9 \u20ac'", "line one tab é €"),
        ("'a' and 'b'", "'a' and 'b'"),
        ("'", "'"),
        ('You are out. <a style="x" href="https://h.co/j">Create a free account</a> to go on', None),
        ("1 &lt; 2 &amp; &lt;b&gt;bold&lt;/b&gt;", "1 < 2 & bold"),
        ("x < 5 and y > 3", "x < 5 and y > 3"),
        ("<!-- hidden -->seen<br/>", "seen"),
        ("\x1b[31mred\x1b[0m \x00nul \u202eturned \ud800", "red nul turned"),
        ("two\r\nlines\u2028and more", "two lines and more"),
        ("👩‍🎨", "👩‍🎨"),
    ],
)
def test_a_message_is_one_line_without_markup_quotes_and_controls(raw: str, shown: str | None) -> None:
    assert clean.message(raw) == (shown or "You are out. Create a free account to go on")


@given(st.text(max_size=3000), st.integers(10, 600))
def test_every_text_becomes_short_and_printable(raw: str, limit: int) -> None:
    for cleaned in (clean.text(raw, limit), clean.message(raw, limit)):
        assert len(cleaned) <= limit
        assert cleaned.encode().decode() == cleaned
        assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in cleaned)
        assert cleaned == cleaned.strip()


@given(st.text(max_size=200))
def test_the_repr_of_a_text_is_undone(raw: str) -> None:
    assert clean.unquote(repr(raw)) == raw


def test_a_megabyte_is_cut() -> None:
    assert clean.text("a" * 2_000_000) == "a" * 499 + "…"
    assert len(clean.message("<b>" * 500_000)) <= clean.TEXT_LIMIT


@given(ANYTHING)
def test_numbers_are_in_range_or_nothing(value: object) -> None:
    fraction, seconds, count = clean.fraction(value), clean.seconds(value), clean.count(value)
    assert fraction is None or 0 <= fraction <= 1
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))
    assert count is None or (count >= 0 and isinstance(count, int))


@pytest.mark.parametrize(
    ("value", "fraction", "count"),
    [
        (-5, 0.0, None),
        (0.5, 0.5, 0),
        (7, 1.0, 7),
        (float("nan"), None, None),
        (float("inf"), None, None),
        (10**400, None, None),
        ("50%", None, None),
        (True, None, None),
    ],
)
def test_bad_numbers_are_moved_into_range_or_dropped(value: object, fraction: float | None, count: int | None) -> None:
    assert clean.fraction(value) == fraction
    assert clean.count(value) == count


def test_a_text_of_several_lines_keeps_them() -> None:
    assert clean.lines("one\n\ttwo\r\n\x1b[31mred\x1b[0m \x00nul \u202ekept", 100) == "one\n\ttwo\nred nul \u202ekept"
    assert clean.lines("a" * 100, 10) == "a" * 10


def test_a_large_count_is_exact() -> None:
    assert clean.count(2**53, 2**53) == 2**53
    assert clean.count(2**53 + 1, 2**53) is None
    assert clean.count(-0.5) is None
