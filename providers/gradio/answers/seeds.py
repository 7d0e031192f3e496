"""The seed in a function's answer: told by the label of an output, never guessed from a number. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: With "seed", the words that a label may have: any other word may make it something else, such as a strength.
_WORDS: Final = frozenset(
    {"a", "actual", "current", "final", "for", "generated", "generation", "image", "in", "last", "of", "output"}
    | {"random", "result", "returned", "seed", "that", "the", "this", "use", "used", "value", "was"}
)
_DIGITS: Final = re.compile(r"[0-9]{1,20}")


def seed_of(values: Sequence[object], labels: Sequence[str]) -> int | None:
    """The seed that an answer tells, by the labels of its outputs; None if no label says which it is, or several differ."""
    told = {whole(value) for value, label in zip(values, labels, strict=True) if names_seed(label)} - {None}
    return told.pop() if len(told) == 1 else None


def names_seed(label: str) -> bool:
    """Whether a label says that its output is the seed."""
    words = set(re.findall(r"\w+", label[:100].lower().replace("_", " ")))
    return "seed" in words and words <= _WORDS


def whole(item: object) -> int | None:
    """The whole number that an output is. A slider or number component may send it as a float, a text box as digits."""
    if isinstance(item, bool):
        return None
    if isinstance(item, float) and item.is_integer():
        return int(item)
    if isinstance(item, str) and _DIGITS.fullmatch(item.strip()):
        return int(item)
    return item if isinstance(item, int) else None
