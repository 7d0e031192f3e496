"""Query parameters, read strictly: each at most once, nothing unknown, nothing coerced."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from flask import Request

from web.http.problems import Problem

_LONGEST = 512
#: What a text in a query may be.
WORDS: Final = {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def only(request: Request, *names: str, prefix: str | None = None) -> dict[str, str]:
    """The parameters of a request, refusing unknown ones.

    Args:
        request: The request.
        *names: The known parameters.
        prefix: The beginning of the names of further known ones.

    Raises:
        Problem: 422: one is unknown, given twice, empty or too long.
    """
    for name in request.args:
        if name not in names and not (prefix is not None and name.startswith(prefix)):
            known = f", or use one of {', '.join(names)}" if names else ""
            raise refuse(name, f"is not a known parameter; remove it{known}")
    return some(request, *request.args)


def some(request: Request, *names: str) -> dict[str, str]:
    """Like :func:`only`, but ignores unknown parameters (shared links collect tracking parameters).

    Raises:
        Problem: 422: one of these is given twice, empty or too long.
    """
    found = {}
    for name, values in request.args.lists():
        if name not in names:
            continue
        if len(values) != 1 or not 0 < len(values[0]) <= _LONGEST or _CONTROL.search(values[0]):
            raise refuse(name, f"must be given once, with 1 to {_LONGEST} printable characters")
        found[name] = values[0]
    return found


def whole_number(parameters: dict[str, str], name: str, otherwise: int, lowest: int, highest: int) -> int:
    """A whole number in plain digits.

    Raises:
        Problem: 422: it is anything else, or out of its range.
    """
    text = parameters.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
        raise refuse(name, f"must be a whole number from {lowest} to {highest}")
    return int(text)


def words(parameters: dict[str, str], name: str, known: Collection[str]) -> frozenset[str] | None:
    """Known words, separated by commas; None if the parameter is not given.

    Raises:
        Problem: 422: another word.
    """
    text = parameters.get(name)
    if text is None:
        return None
    found = frozenset(text.split(","))
    if not found <= set(known):
        raise refuse(name, f"must be one or more of {', '.join(known)}, separated by commas")
    return found


def refuse(name: str, detail: str) -> Problem:
    """A 422 about one parameter."""
    shown = name[:64]
    return Problem("invalid_input", f"The query parameter {shown} {detail}.", errors=[(f"?{shown}", detail)])
