"""A conversation of a chatbot, in and out: as messages (4.44 to 6) and as pairs of texts (4 and 5). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_PAIR: Final = 2


def is_messages(value: object) -> bool:
    """Whether it is a list of messages with a role, and has one."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and "role" in m and "content" in m for m in value)
    )


def is_conversation(value: object) -> bool:
    """Whether it is a list of messages or of pairs of texts; it may be empty."""
    return isinstance(value, list) and (not value or bool(_messages(value)))


def turn(value: object) -> list[Mapping[str, object]]:
    """The messages of the assistant at the end of a conversation."""
    found: list[Mapping[str, object]] = []
    for message in reversed(_messages(value)):
        if message.get("role") == "user":
            break
        found.insert(0, message)
    return found


def _messages(value: object) -> list[Mapping[str, object]]:
    items = value if isinstance(value, list) else []
    if is_messages(items):
        return items
    found: list[Mapping[str, object]] = []
    for item in items:
        if isinstance(item, list | tuple) and len(item) == _PAIR:
            roles = zip(("user", "assistant"), item, strict=True)
            found += [{"role": role, "content": content} for role, content in roles if content is not None]
    return found


def is_aside(message: Mapping[str, object]) -> bool:
    """Whether it has a title: the call of a tool, or a thought."""
    about = message.get("metadata")
    return isinstance(about, dict) and bool(about.get("title"))


def parts(content: object) -> Sequence[object]:
    """The parts of a message; Gradio 6 sends a list of them, the others one."""
    return content if isinstance(content, list) else [content]


def words(content: object) -> str | None:
    """The text of a message; None if it has none."""
    texts = [
        part if isinstance(part, str) else part.get("text") for part in parts(content) if isinstance(part, str | dict)
    ]
    told = [text for text in texts if isinstance(text, str)]
    return "\n".join(told) if told else None


def sent(value: object, *, in_pairs: bool, in_parts: bool) -> object:
    """A conversation as a chatbot takes it: pairs, or messages whose content is a text or (Gradio 6) a list of parts.

    Any other value stays as it is, for the app to refuse.
    """
    messages = _messages(value)
    if not messages:
        return value
    if in_pairs:
        return _pairs(messages)
    return [
        {**message, "content": _in_parts(message["content"])} if in_parts else dict(message) for message in messages
    ]


def _in_parts(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _pairs(messages: Sequence[Mapping[str, object]]) -> list[list[str | None]]:
    pairs: list[list[str | None]] = []
    for message in messages:
        said = words(message.get("content"))
        if message.get("role") == "user":
            pairs.append([said, None])
        elif pairs and pairs[-1][1] is None:
            pairs[-1][1] = said
        else:
            pairs.append([None, said])
    return pairs
