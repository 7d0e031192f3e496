"""Reads a chat history: its last question, its newest image, and the whole of it as one prompt. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

Message = Mapping[str, object]


def text_of(message: Message) -> str:
    """The text of a message; if its content is a list of parts, their texts, one per line."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in _parts(content) if isinstance(part.get("text"), str))


def last_question(messages: Sequence[Message]) -> str | None:
    """The text of the last message from the user, or None."""
    return next((text_of(message) for message in reversed(messages) if message.get("role") == "user"), None)


def last_image(messages: Sequence[Message]) -> str | None:
    """Address or ``data:`` URI of the newest image from the user, or None."""
    for message in reversed(messages):
        images = [url for part in _parts(message.get("content")) if (url := _image(part))]
        if images and message.get("role") == "user":
            return images[-1]
    return None


def only_text(messages: Sequence[Message]) -> list[dict[str, object]]:
    """The history without its images, so that these are not stored twice."""
    return [{**message, "content": text_of(message)} for message in messages]


def as_prompt(messages: Sequence[Message], question: str) -> str:
    """The whole conversation as one prompt that ends where the assistant is to speak.

    A lone question is left as it is. ``question`` is added as the last turn
    unless the history ends with it.
    """
    turns = [(str(message.get("role", "user")), text_of(message).strip()) for message in messages]
    turns = [(role, text) for role, text in turns if text]
    if question.strip() and (not turns or turns[-1] != ("user", question.strip())):
        turns.append(("user", question.strip()))
    if [role for role, _ in turns] == ["user"]:
        return turns[0][1]
    return "\n".join([*(f"{role.capitalize()}: {text}" for role, text in turns), "Assistant:"])


def is_history(value: object) -> TypeGuard[Sequence[Message]]:
    """Whether a value has the shape of a chat history."""
    return isinstance(value, list) and all(isinstance(message, Mapping) for message in value)


def _parts(content: object) -> Iterator[Message]:
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, Mapping))


def _image(part: Message) -> str | None:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return url if isinstance(url, str) else None
