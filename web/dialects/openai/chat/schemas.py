"""The body of a chat completion, and its answer."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Resource, UnixTime, about
from web.dialects.openai.conversing import ConversationFields
from web.http.validation import BodyReader


class ChatRequest(ConversationFields, frozen=True, kw_only=True):
    """A conversation to go on with."""

    messages: Annotated[
        Annotated[list[dict[str, Any]], Meta(min_length=1)],
        about(
            "The oldest first: `{role, content}`, the content a text or a list of `{type: text, text}` and"
            " `{type: image_url, image_url: {url}}`; the url is a `data:` URI, an address or a file id."
        ),
    ]
    n: Annotated[Literal[1] | UnsetType, about("One answer.")] = UNSET
    modalities: Annotated[list[str] | UnsetType, about("Accepted: the model decides what it makes.")] = UNSET


CHAT: Final = BodyReader(
    ChatRequest,
    examples={
        "plain": {
            "summary": "Ask about a picture",
            "value": {
                "model": "janus-pro-7b",
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is this?"},
                            {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
                        ],
                    }
                ],
            },
        },
        "draw": {
            "summary": "Draw",
            "value": {"model": "flux-schnell", "messages": [{"role": "user", "content": "a lighthouse at dusk"}]},
        },
    },
)


class ImageUrl(Resource, frozen=True, kw_only=True):
    """Where a picture is."""

    url: Annotated[str, about("A `data:` URI.", example="data:image/png;base64,iVBORw0KGgo=")]


class ChatImage(Resource, frozen=True, kw_only=True):
    """A picture of an answer."""

    type: Literal["image_url"] = "image_url"
    index: Annotated[int, about("Its number.", example=0)]
    image_url: ImageUrl


class ChatMessage(Resource, frozen=True, kw_only=True):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: Annotated[
        str,
        about(
            "The text; files in it as Markdown, by links that need no key.",
            example="A red square on a white background.",
        ),
    ]
    images: Annotated[list[ChatImage] | UnsetType, about("The pictures, as files.")] = UNSET


class ChatChoice(Resource, frozen=True, kw_only=True):
    """The answer."""

    index: Literal[0] = 0
    message: ChatMessage
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(Resource, frozen=True, kw_only=True):
    """A chat completion. It has no `usage`: apps do not count tokens."""

    id: Annotated[str, about("`chatcmpl-` and the id of the job.", example=f"chatcmpl-{examples.JOB}")]
    object: Literal["chat.completion"] = "chat.completion"
    created: Annotated[UnixTime, about("When it was asked for (Unix seconds).", example=1_795_186_218)]
    model: Annotated[str, about("The model that answered.", example="janus-pro-7b")]
    provider: Annotated[str | UnsetType, about("The provider that ran it.", example="deepseekai-janus-pro-7b")] = UNSET
    choices: Annotated[list[ChatChoice], about("One answer.")]
