"""Streaming diffs: from the second step of a generator on, Gradio 4.17 and newer sends only changes. Pure.

Best effort, for previews: the server's diffs are wrong for lists that shrink
(Gradio 4.44 gives indices that do not exist, 5.50 and 6.31 shift deletes in
nested lists; run against the server's code). The final result is always sent
in full.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Stands for an output whose value is no longer known.
LOST: object = object()


class _NoMatch(Exception):
    """A change that does not fit the value."""


def apply(last: Sequence[object], changes: Sequence[object]) -> tuple[object, ...]:
    """Apply one message.

    Args:
        last: The outputs so far; they may be changed in place.
        changes: For each output a list of ``[action, path, value]``.

    Returns:
        The new outputs; :data:`LOST` for one whose change did not fit.
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
    place = value
    for step in way:
        place = _at(place, step)
    _edit(place, action, last, new)
    return value


def _edit(place: object, action: object, key: object, new: object) -> None:
    """Change one item of a dict or list."""
    if isinstance(place, dict) and isinstance(key, str):
        if action == "delete":
            place.pop(key, None)
        else:
            place[key] = new if action == "add" else _replaced(place.get(key), action, new)
    elif isinstance(place, list) and isinstance(key, int) and not isinstance(key, bool):
        if action == "add":
            place.insert(key, new)
        elif not 0 <= key < len(place):
            raise _NoMatch
        elif action == "delete":
            del place[key]
        else:
            place[key] = _replaced(place[key], action, new)
    else:
        raise _NoMatch


def _replaced(value: object, action: object, new: object) -> object:
    if action == "replace":
        return new
    if action == "append" and isinstance(value, str) and isinstance(new, str):
        return value + new
    raise _NoMatch


def _at(place: object, step: object) -> object:
    if isinstance(place, dict) and isinstance(step, str) and step in place:
        return place[step]
    if isinstance(place, list) and isinstance(step, int) and 0 <= step < len(place):
        return place[step]
    raise _NoMatch
