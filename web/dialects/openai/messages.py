"""The messages of a conversation, as chat and responses have them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from web.dialects.conversations import Role, Turn, picture_part, shows_nothing, text_part
from web.http.problems import Problem, invalid

#: Who speaks, by OpenAI's names.
_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def turn_of(message: Mapping[str, Any], place: str) -> Turn | None:
    """A message; None: it says nothing, as one that only calls a tool.

    Raises:
        Problem: 422: it is none.
    """
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise invalid(f"{place}/role", f"must be one of {', '.join(_ROLES)}")
    turn = Turn(_ROLES[role], _content(message.get("content"), f"{place}/content"), place)
    return None if turn.role == "assistant" and shows_nothing(turn) else turn


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
        case {"type": "text" | "input_text" | "output_text", "text": str(text)} | {"refusal": str(text)}:
            return text_part(text)
        case {"type": "image_url" | "input_image", "image_url": {"url": str(source)} | str(source)}:
            return picture_part(source)
        case {"type": "input_image", "file_id": str(source)}:
            return picture_part(source)
    raise unknown_part(part, place)


def unknown_part(part: Mapping[str, Any], place: str) -> Problem:
    """A part that no model here takes: to leave it out would change what was said."""
    kind = part.get("type")
    shown = f", of type {kind[:32]}," if isinstance(kind, str) and kind.isprintable() else ""
    return invalid(place, f"is a part{shown} that is not understood; give a text, or a picture with its address")
