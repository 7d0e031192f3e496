"""Reads the input of a response: a text, or items. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from web.dialects.conversations import Turn
from web.dialects.openai.messages import turn_of, unknown_part
from web.http.problems import invalid

#: The text of a message that was made here, by the id of its item; None: there is none.
Recall = Callable[[str], str | None]

#: Items of tools and thoughts: nothing of them reaches a model here.
_IGNORED: Final = ("reasoning", "_call", "_call_output", "_output", "mcp_", "compaction")


def read(
    given: str | Sequence[Mapping[str, Any]], instructions: str | None, recall: Recall
) -> tuple[list[Turn], list[str]]:
    """The turns of a conversation, and what was left out of it.

    Raises:
        Problem: 422: an item is none.
    """
    turns = [] if instructions is None else [Turn("system", instructions, "/instructions")]
    if isinstance(given, str):
        return [*turns, Turn("user", given, "/input")], []
    ignored = []
    for number, item in enumerate(given):
        place = f"/input/{number}"
        kind = item.get("type", "message")
        if kind == "item_reference":
            turns.append(_recalled(item, place, recall))
        elif kind == "message":
            turns += [turn] if (turn := turn_of(item, place)) else []
        elif isinstance(kind, str) and any(part in kind for part in _IGNORED):
            ignored.append(f"input.{kind}")
        else:
            raise unknown_part(item, place)
    return turns, list(dict.fromkeys(ignored))


def _recalled(item: Mapping[str, Any], place: str, recall: Recall) -> Turn:
    found = item.get("id")
    text = recall(found) if isinstance(found, str) else None
    if text is None:
        raise invalid(f"{place}/id", "names no message that is kept here; send the message itself")
    return Turn("assistant", text, place)
