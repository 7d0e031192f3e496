"""Reads the messages of a chat. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from web.dialects.conversations import Role, Turn, picture_part, shows_nothing, text_part
from web.http.problems import Problem, invalid

#: Who speaks, by OpenAI's names.
ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
#: Who speaks for a tool. No model here calls one.
_TOOLS: Final = frozenset({"tool", "function"})


def read(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Turn], list[str]]:
    """The turns of a conversation, and what was left out of it.

    Raises:
        Problem: 422: a message is none.
    """
    turns, ignored = [], []
    for number, message in enumerate(messages):
        place = f"/messages/{number}"
        role = message.get("role")
        if role in _TOOLS:
            ignored.append(f"messages.{role}")
            continue
        if not isinstance(role, str) or role not in ROLES:
            raise invalid(f"{place}/role", f"must be one of {', '.join([*ROLES, *sorted(_TOOLS)])}")
        turn = Turn(ROLES[role], _content(message.get("content"), f"{place}/content"), place)
        if turn.role != "assistant" or not shows_nothing(turn):
            turns.append(turn)
    return turns, list(dict.fromkeys(ignored))


def _content(content: object, place: str) -> str | list[dict[str, Any]]:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid(place, "must be a text, or a list of parts")
    return [_part(part, f"{place}/{number}") for number, part in enumerate(content)]


def _part(part: object, place: str) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise invalid(place, "must be an object")
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return text_part(text)
        case {"type": "image_url", "image_url": {"url": str(source)} | str(source)}:
            return picture_part(source)
    raise unknown_part(part, place)


def unknown_part(part: Mapping[str, Any], place: str) -> Problem:
    """A part that no model here takes: to leave it out would change what was said."""
    kind = part.get("type")
    shown = f", of type {kind[:32]}," if isinstance(kind, str) and kind.isprintable() else ""
    return invalid(place, f"is a part{shown} that is not understood; give a text, or a picture with its address")
