"""The body of a request for a response, and the response."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from jobs.resources import examples
from jobs.resources.base import Resource, UnixTime, about
from web.dialects.openai.conversing import ConversationFields
from web.dialects.openai.failure import OpenAIFailure
from web.http.validation import BodyReader

ResponseStatus = Literal["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]


class ResponseRequest(ConversationFields, frozen=True, kw_only=True):
    """A request for a response."""

    input: Annotated[
        str | Annotated[list[dict[str, Any]], Meta(min_length=1)],
        about(
            "A text; or messages, the oldest first: `{role, content}`, the content a text or a list of"
            " `{type: input_text, text}` and `{type: input_image, image_url}` (or `file_id`)."
        ),
    ]
    instructions: Annotated[str | UnsetType, about("What holds for the whole conversation.")] = UNSET
    background: Annotated[bool | UnsetType, about("Answer at once; the response is made meanwhile.")] = UNSET
    tools: Annotated[
        list[dict[str, Any]] | UnsetType,
        about(
            "`{type: image_generation}`: OpenAI's own model names mean the first model here that makes images. It may name"
            " one of ours (`model`) and a `size`. Other tools have no effect."
        ),
    ] = UNSET
    previous_response_id: Annotated[str | UnsetType, about("Refused: send the earlier messages in `input`.")] = UNSET


RESPONSE: Final = BodyReader(
    ResponseRequest,
    examples={
        "plain": {"summary": "A question", "value": {"model": "janus-pro-7b", "input": "What is a lighthouse?"}},
        "draw": {
            "summary": "A picture, made in the background",
            "value": {"model": "flux-schnell", "input": "a lighthouse at dusk", "background": True},
        },
    },
)


class TextPart(Resource, frozen=True, kw_only=True):
    """A text of a message."""

    type: Literal["output_text"] = "output_text"
    text: Annotated[str, about("The text; files in it as Markdown.", example="A red square.")]
    annotations: Annotated[list[str], about("None.", example=[])]


class ResponseItem(Resource, frozen=True, kw_only=True):
    """What the model says (`message`), or a picture that it made (`image_generation_call`)."""

    type: Annotated[Literal["message", "image_generation_call"], about("Which of them.", example="message")]
    id: Annotated[
        str,
        about("`msg_` or `ig_` and the id of the job; for a picture its number too.", example=f"msg_{examples.JOB}"),
    ]
    status: Literal["completed"] = "completed"
    role: Annotated[Literal["assistant"] | UnsetType, about("Of a message.", example="assistant")] = UNSET
    content: Annotated[list[TextPart] | UnsetType, about("Of a message: one text.")] = UNSET
    result: Annotated[str | UnsetType, about("Of a picture: its file in base64.")] = UNSET
    size: Annotated[str | UnsetType, about("Of a picture: WIDTHxHEIGHT.")] = UNSET
    output_format: Annotated[Literal["png"] | UnsetType, about("Of a picture: that of its file.")] = UNSET


class IncompleteDetails(Resource, frozen=True, kw_only=True):
    """Why a response is incomplete."""

    reason: Annotated[Literal["deadline_exceeded"], about("The job's deadline passed.")] = "deadline_exceeded"


class ResponseResource(Resource, frozen=True, kw_only=True):
    """A response: a job, as OpenAI's clients read it. It has no `usage`: apps do not count tokens."""

    id: Annotated[str, about("`resp_` and the id of the job.", example=f"resp_{examples.JOB}")]
    object: Literal["response"] = "response"
    created_at: Annotated[UnixTime, about("When it was asked for (Unix seconds).", example=1_795_186_218)]
    status: Annotated[ResponseStatus, about("How far it is.", example="completed")]
    error: Annotated[
        OpenAIFailure | None, about("Why it failed.", example={"code": "provider_error", "message": "the app crashed"})
    ]
    incomplete_details: Annotated[
        IncompleteDetails | None, about("Why it is incomplete.", example={"reason": "deadline_exceeded"})
    ]
    model: Annotated[str, about("The model.", example="janus-pro-7b")]
    provider: Annotated[str | UnsetType, about("The provider that ran it.", example="deepseekai-janus-pro-7b")] = UNSET
    output: Annotated[list[ResponseItem], about("What was made.")]
    metadata: Annotated[dict[str, str], about("The texts of the request.", example={})]
    parallel_tool_calls: Annotated[bool, about("Always false: no model here calls tools.", example=False)]
    tool_choice: Literal["auto"] = "auto"
    tools: Annotated[list[str], about("None.", example=[])]
