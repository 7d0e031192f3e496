"""Which texts are taken. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: All of Unicode's control characters but tab and line breaks.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

#: Shown as nothing although Unicode calls them letters: Hangul fillers and the Braille blank.
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def broken(text: str) -> str | None:
    """What is wrong with a text that no part of the service can keep or send on; None if nothing is."""
    if "\x00" in text:
        return "holds a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds half of a surrogate pair; send well-formed Unicode"
    return None


def unsafe(text: str) -> str | None:
    """What is wrong with a text that cannot be shown on a terminal or a page; None if nothing is."""
    if found := broken(text):
        return found
    if _CONTROL.search(text):
        return "holds control characters; only tab and line breaks are allowed"
    return None


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: it is empty, or all of it is white space, control or filler characters."""
    return all(unicodedata.category(char)[0] in "ZC" or char in _BLANK_LETTERS for char in text)
