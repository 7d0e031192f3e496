"""Writes the part of TOML that a provider needs. What is written reads as what was given. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def table(path: str, values: Mapping[str, object]) -> str:
    """A table with its header, a line for each key. The path is written as it is."""
    return "\n".join([f"[{path}]", *(f"{key(name)} = {value(given)}" for name, given in values.items()), ""])


def key(name: str) -> str:
    """A key, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else _text(name)


def value(given: object) -> str:
    """A value; tables are written inline.

    Raises:
        ValueError: TOML has no such value, or no reader would take it.
    """
    match given:
        case bool():
            return "true" if given else "false"
        case int():
            return str(given)
        case float() if math.isfinite(given):
            return repr(given) if "." in repr(given) or "e" in repr(given) else f"{given!r}.0"
        case str():
            return _text(given)
        case list() | tuple():
            return f"[{', '.join(map(value, given))}]"
        case dict() if given:
            return "{ " + ", ".join(f"{key(str(name))} = {value(item)}" for name, item in given.items()) + " }"
        case dict():
            return "{}"
    raise ValueError(f"TOML has no value for {type(given).__name__}")


def mapping(given: object) -> Mapping[str, object]:
    """A table among values; empty if it is none."""
    return given if isinstance(given, dict) else {}


def _text(given: str) -> str:
    # The escapes of JSON are those of TOML's basic strings, which DEL is not allowed in.
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
