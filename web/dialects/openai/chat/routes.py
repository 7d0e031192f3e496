"""``POST /v1/chat/completions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, request

from web.dialects.bodies import without_nulls
from web.dialects.conversations import Turn
from web.dialects.ignored import IGNORED_HEADER
from web.dialects.openai.chat.answers import answer, stream
from web.dialects.openai.chat.schemas import CHAT, ChatCompletion
from web.dialects.openai.conversing import talk
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.messages import turn_of
from web.dialects.waiting import answer_when_ended
from web.http.error_responses import ProblemResource
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation
from web.http.validation import or_none

#: Who speaks for a tool.
_TOOLS: Final = ("tool", "function")

blueprint = Blueprint("openai_chat", __name__)

ANSWERS: Final = (
    Answer(
        200,
        "The message; with `stream`, its chunks. An error that comes after more than a minute is in the body.",
        {"application/json": (ChatCompletion, ProblemResource), "text/event-stream": None},
        headers=(IGNORED_HEADER, REPLAYED),
    ),
)


@blueprint.post("/v1/chat/completions")
@Operation(
    "openaiCreateChatCompletion", "OpenAI", "submit", submits=True, body=CHAT, parameters=MARKS, answers=ANSWERS,
    errors=REFUSALS,
)  # fmt: skip
def complete() -> Response:
    """Go on with a conversation.

    A model that makes texts answers it, and looks at its pictures if it can. A model that makes images draws what the
    last message says: the answer is a picture in Markdown, and in `images`.
    """
    return converse(without_nulls(read_json(request, PICTURE_BODY)))


def converse(body: Any, ignored: Sequence[str] = ()) -> Response:  # noqa: ANN401 - any JSON
    """The answer to the current request, whose body this is, without what was ignored of it already."""
    asked = CHAT.read(body)
    turns, unheard = _read(asked.messages)
    ordered = talk(asked, turns, body, ignored=[*ignored, *unheard])
    if or_none(asked.stream):
        return stream(ordered)
    return answer_when_ended(ordered.made, partial(answer, ordered.without_jobs()))


def _read(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Turn], list[str]]:
    """The turns of a conversation, and what was left out of it: no model here calls a tool."""
    said = [(number, message) for number, message in enumerate(messages) if message.get("role") not in _TOOLS]
    turns = [turn for number, message in said if (turn := turn_of(message, f"/messages/{number}"))]
    return turns, [f"messages.{role}" for role in _TOOLS if any(message.get("role") == role for message in messages)]
