"""``POST /hf/models/{name}``, and the chat below it."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from flask import Blueprint, Response, request

from web.dialects.bodies import without_nulls
from web.dialects.huggingface.bodies import INFERENCE, read
from web.dialects.huggingface.errors import HubError, refusal
from web.dialects.huggingface.inference import answer, model_named, order
from web.dialects.ignored import IGNORED_HEADER
from web.dialects.openai.chat.routes import ANSWERS as CHAT_ANSWERS
from web.dialects.openai.chat.routes import converse
from web.dialects.openai.chat.schemas import CHAT
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.names import NO_MODEL
from web.dialects.waiting import answer_within
from web.http.file_response import IMAGES
from web.http.headers import REPLAYED
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation

blueprint = Blueprint("huggingface", __name__, url_prefix="/hf/models")

_FOUND: Final = Answer(
    200,
    "The picture or the sound, in the format that the app made; of a model that makes texts, `[{generated_text}]`.",
    {**IMAGES, "audio/*": None, "application/json": None},
    headers=(IGNORED_HEADER, REPLAYED),
)


@blueprint.post("/<path:name>")
@Operation(
    "huggingfaceInfer", "Hugging Face", "submit", submits=True, body=INFERENCE, parameters=MARKS, answers=(_FOUND,),
    errors=REFUSALS, refusal=refusal, refused=HubError,
)  # fmt: skip
def infer(name: str) -> Response:
    """Run a model.

    The kind of the model says what is done: text to image or speech, image to image, image to text, or text generation. The
    body is JSON, or a picture as it is. The answer comes when the job has ended, and nothing is sent before it. `X-Request-Id` is
    the id of the job: if the connection breaks, the result is at `/v1/jobs/{id}`. Sent again after that, the request
    joins its job.
    """
    ordered = order(name, read(request))
    return answer_within(ordered.made, math.inf, partial(answer, ordered.kind, ordered.ignored))


@blueprint.post("/<path:name>/v1/chat/completions")
@Operation(
    "huggingfaceCreateChatCompletion", "Hugging Face", "submit", submits=True, body=CHAT, parameters=MARKS,
    answers=CHAT_ANSWERS, errors=REFUSALS, refusal=refusal, refused=HubError,
)  # fmt: skip
def chat(name: str) -> Response:
    """Go on with a conversation.

    As `POST /v1/chat/completions`, with the model of the address: a `model` in the body has no effect.
    """
    body = without_nulls(read_json(request, PICTURE_BODY))
    if not isinstance(body, dict):
        return converse(body)
    ignored = [] if body.get("model") in (None, NO_MODEL, name) else ["model"]
    return converse({**body, "model": model_named(name)}, ignored)
