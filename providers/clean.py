"""Clean what an upstream sends: texts without markup and control characters, numbers within bounds. Pure.

An upstream is not trusted: a text may contain markup or terminal escapes or be
very long, a number may be NaN or a string. Nothing here raises.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata

#: Longest text, in characters.
TEXT_LIMIT = 500

#: Longest time that is believed, in seconds (about four months).
_LONGEST = 1e7

#: Largest count that is believed.
_LARGEST = 10**9

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_TAGS = re.compile(r"<(?:/?[a-zA-Z]|!--)[^<>]*>")
#: How Python names a class, which looks like markup.
_CLASS = re.compile(r"<class '([\w.]+)'>")
_QUOTED = re.compile(r"""(['"])((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_BACKSLASH = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}

#: Unicode's controls, surrogates and format marks. Some marks change the direction of the text around them.
_UNSEEN = frozenset({"Cc", "Cs", "Cf"})
#: Format marks that words and emoji need: the joiners.
_JOINERS = frozenset({"\u200c", "\u200d"})


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """One line of plain text without escapes, controls and format marks, of at most ``limit`` characters."""
    if not isinstance(value, str):
        return ""
    # The cut comes first, so a megabyte costs nothing.
    line = _ESCAPES.sub("", value[: limit * 4])
    line = "".join(c for c in " ".join(line.split()) if c in _JOINERS or unicodedata.category(c) not in _UNSEEN)
    line = line.strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def lines(value: str, limit: int) -> str:
    """A text with its line breaks and tabs, without escapes and other controls, of at most ``limit`` characters."""
    plain = _ESCAPES.sub("", value)
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})[:limit]


def message(value: object, limit: int = TEXT_LIMIT) -> str:
    """A text for people: as :func:`text`, and without tags, entities and quotes around it.

    Gradio up to 5.1 sends the ``repr`` of an error's text; ZeroGPU's texts contain links.
    """
    if not isinstance(value, str):
        return ""
    line = _CLASS.sub(r"\1", unquote(value[: limit * 8].strip()))
    return text(_TAGS.sub("", html.unescape(_TAGS.sub("", line))), limit)


def unquote(line: str) -> str:
    """Undo Python's ``repr`` of a string, if ``line`` is one."""
    match = _QUOTED.fullmatch(line)
    return _BACKSLASH.sub(_unescape, match[2]) if match else line


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _LETTERS.get(code, code)


def seconds(value: object) -> float | None:
    """A time of 0 to :data:`_LONGEST` seconds, or None."""
    found = number(value)
    return found if found is not None and 0 <= found <= _LONGEST else None


def fraction(value: object) -> float | None:
    """A number moved into the range 0 to 1, or None."""
    found = number(value)
    return None if found is None else min(1.0, max(0.0, found))


def count(value: object, most: int = _LARGEST) -> int | None:
    """A whole number of 0 to ``most``, or None."""
    if number(value) is None or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= most else None


def number(value: object) -> float | None:
    """A finite number, or None. A truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


#: Deepest nesting of JSON that is kept, and the largest whole number: more digits are lost in other languages.
_DEPTH = 64
_WHOLE = 2**63


def json_value(value: object, depth: int = _DEPTH) -> object:
    """A JSON value that every part of the service can store and send on.

    Texts lose controls and half surrogates, numbers that are not finite become None, too large ones texts.

    Raises:
        ValueError: It is nested more than ``depth`` levels, or holds what is no JSON.
    """
    if depth < 0:
        raise ValueError("it is nested too deeply")
    match value:
        case None | bool():
            return value
        case str():
            return lines(value, len(value))
        case int():
            return value if abs(value) < _WHOLE else str(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {lines(str(name), 1000): json_value(item, depth - 1) for name, item in value.items()}
        case list() | tuple():
            return [json_value(item, depth - 1) for item in value]
        case _:
            raise ValueError("it is no JSON")
