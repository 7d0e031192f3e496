"""The one place that reads JSON of an app or the Hub: what passes can be stored, encoded and sent on. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import Final

from providers import clean
from providers.errors import Protocol

#: Deepest nesting of an answer. Gradio's own are under 10.
DEPTH: Final = 64
#: Most values in one answer. Each takes up to 70 bytes in memory, and 3 in the text.
VALUES: Final = 1_000_000

#: An escaped half of a surrogate pair, or a whole pair.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def loads(raw: str | bytes) -> object:
    """Read untrusted JSON. Of a name that comes twice in an object, the last value counts.

    A number that is not finite is None: it says nothing.

    Raises:
        Protocol: It is not JSON in UTF-8, has too many values, or is nested too deeply; or a text in it is no text: it
            holds half of a surrogate pair.
    """
    try:
        line = raw if isinstance(raw, str) else raw.decode("utf-8-sig")
        if line.count(",") + line.count("[") + line.count("{") > VALUES:
            raise Protocol("the app sent JSON with too many values")
        value: object = json.loads(line, parse_constant=_unknown, parse_float=_finite)
        if _SURROGATE.search(line):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Protocol("the app sent JSON with half a character") from None
    except (ValueError, RecursionError):
        start = raw[:80] if isinstance(raw, str) else raw[:80].decode("utf-8", "replace")
        raise Protocol(f"the app sent invalid JSON: {clean.text(start, 80)!r}") from None
    if not _is_shallow(value):
        raise Protocol("the app sent JSON that is nested too deeply")
    return value


def _unknown(name: str) -> None:
    del name


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False
