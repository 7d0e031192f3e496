"""Reads the input of a response: a text, or items. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from web.dialects.conversations import Role, Turn, picture_part, shows_nothing, text_part
from web.dialects.openai.chat.messages import ROLES, unknown_part
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
            turn = Turn(_role(item, place), _content(item.get("content"), f"{place}/content"), place)
            turns += [turn] if turn.role != "assistant" or not shows_nothing(turn) else []
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


def _role(item: Mapping[str, Any], place: str) -> Role:
    role = item.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise invalid(f"{place}/role", f"must be one of {', '.join(ROLES)}")
    return ROLES[role]


def _content(content: object, place: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid(place, "must be a text, or a list of parts")
    return [_part(part, f"{place}/{number}") for number, part in enumerate(content)]


def _part(part: object, place: str) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise invalid(place, "must be an object")
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)} | {"refusal": str(text)}:
            return text_part(text)
        case {"type": "input_image", "image_url": str(source)} | {"type": "input_image", "file_id": str(source)}:
            return picture_part(source)
    raise unknown_part(part, place)
