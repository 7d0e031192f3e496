"""Streaming diffs: from the second step of a generator on, Gradio 4.17 and newer sends only changes. Pure.

Best effort, for previews: the server's diffs are wrong for lists that shrink
(Gradio 4.44 gives indices that do not exist, 5.50 and 6.31 shift deletes in
nested lists; run against the server's code). The final result is always sent
in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

#: Longest text and largest list or dict that is changed: each change copies it, and an app may send a million changes.
TEXT_LIMIT: Final = 64 << 10
ITEMS_LIMIT: Final = 1000

#: Stands for an output whose value is no longer known.
LOST: object = object()


class _NoMatch(Exception):
    """A change that does not fit the value."""


def apply(last: Sequence[object], changes: Sequence[object]) -> tuple[object, ...]:
    """Apply one message: for each output a list of ``[action, path, value]``.

    Returns:
        The new outputs, :data:`LOST` for one whose change did not fit.
    """
    return tuple(_follow(last[i] if i < len(last) else LOST, change) for i, change in enumerate(changes))


def _follow(value: object, changes: object) -> object:
    if not isinstance(changes, list):
        return LOST
    try:
        for change in changes:
            if not (isinstance(change, list) and len(change) == 3 and isinstance(change[1], list)):
                return LOST
            action, path, new = change
            value = _change(value, action, path, new)
    except _NoMatch:
        return LOST
    return value


def _change(value: object, action: object, path: list[object], new: object) -> object:
    if not path:
        return _replaced(value, action, new)
    *way, last = path
    places = [value]
    for step in way:
        places.append(_at(places[-1], step))
    changed = _edited(places.pop(), action, last, new)
    for place, step in zip(reversed(places), reversed(way), strict=True):
        changed = _with(place, step, changed)
    return changed


def _edited(place: object, action: object, key: object, new: object) -> object:
    """A dict or list with one item changed."""
    copied = _copy(place)
    if isinstance(copied, dict) and isinstance(key, str):
        if action == "delete":
            copied.pop(key, None)
        else:
            copied[key] = new if action == "add" else _replaced(copied.get(key), action, new)
    elif isinstance(copied, list) and isinstance(key, int) and not isinstance(key, bool):
        if action == "add":
            copied.insert(min(max(key, 0), len(copied)), new)
        elif not 0 <= key < len(copied):
            raise _NoMatch
        elif action == "delete":
            del copied[key]
        else:
            copied[key] = _replaced(copied[key], action, new)
    else:
        raise _NoMatch
    return copied


def _with(place: object, step: object, new: object) -> object:
    """A dict or list with another item at a place that it has."""
    copied: Any = _copy(place)
    copied[step] = new
    return copied


def _copy(place: object) -> object:
    if not isinstance(place, dict | list) or len(place) > ITEMS_LIMIT:
        raise _NoMatch
    return place.copy()


def _replaced(value: object, action: object, new: object) -> object:
    if action == "replace":
        return new
    if action == "append" and isinstance(value, str) and isinstance(new, str) and len(value) <= TEXT_LIMIT:
        return value + new
    raise _NoMatch


def _at(place: object, step: object) -> object:
    if isinstance(place, dict) and isinstance(step, str) and step in place:
        return place[step]
    if isinstance(place, list) and isinstance(step, int) and 0 <= step < len(place):
        return place[step]
    raise _NoMatch
