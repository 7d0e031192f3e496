"""``POST /v1/audio/speech``: a text that is read aloud."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from jobs.model import Job, Status
from jobs.resources.base import about
from media import FORMATS
from providers.route import Route
from web.dialects.bodies import without_nulls
from web.dialects.failures import NO_RETRY, failed
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.openai.declared import MARKS, REFUSALS
from web.dialects.openai.fields import Fields
from web.dialects.openai.orders import Order, Said, order
from web.dialects.pictures import content
from web.dialects.waiting import answer_within
from web.http.headers import REPLAYED
from web.http.json_body import SMALL_BODY, read_json
from web.http.operation import Answer, Operation
from web.http.problems import Problem
from web.http.validation import BodyReader

blueprint = Blueprint("openai_speech", __name__)

#: OpenAI's own voices: programs must name one. They have no effect where the model does not say that it has them.
_VOICES: Final = frozenset({
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
})  # fmt: skip


_SOUNDS: Final = {name: None for name, form in FORMATS.items() if form.kind == "audio"}


class SpeechRequest(Fields, frozen=True, kw_only=True):
    """A text to read aloud."""

    input: Annotated[str, Meta(min_length=1), about("The text.", example="Good evening.")]
    voice: Annotated[
        str | dict[str, str] | UnsetType,
        about(
            "Passed on where the model has voices; `{id}` is the same. One of OpenAI's own that it has not has no effect."
        ),
    ] = UNSET
    speed: Annotated[float | UnsetType, about("Passed on where the model has it.")] = UNSET


SPEECH: Final = BodyReader(
    SpeechRequest,
    examples={"plain": {"summary": "A sentence", "value": {"model": "my-voice", "input": "Good evening."}}},
)


@blueprint.post("/v1/audio/speech")
@Operation(
    "openaiCreateSpeech",
    "OpenAI",
    "submit",
    submits=True,
    body=SPEECH,
    parameters=MARKS,
    answers=(Answer(200, "The sound, in the format that the app made.", _SOUNDS, headers=(IGNORED_HEADER, REPLAYED)),),
    errors=REFUSALS,
)
def create() -> Response:
    """Read a text aloud.

    For models that make sound. Sounds are not converted: `Content-Type` says which format it is.
    """
    body = without_nulls(read_json(request, SMALL_BODY))
    asked = SPEECH.read(body)
    speed = {} if asked.speed is UNSET else {"speed": asked.speed}
    ordered = order(
        asked,
        body,
        "audio",
        partial(_spoken, asked),
        kind_only=True,
        given={"prompt": asked.input, **speed},
        places={"prompt": "/input"},
    )
    return answer_within(ordered.made, math.inf, partial(_answer, ordered.without_jobs()))


def _spoken(asked: SpeechRequest, route: Route) -> Said:
    """The voice, as the model has it."""
    voice = asked.voice.get("id", "") if isinstance(asked.voice, dict) else asked.voice
    if voice is UNSET:
        return Said()
    params = [param for model in route.models.values() if (param := model.param("voice")) is not None]
    if not params or (voice in _VOICES and not any(voice in (param.enum or ()) for param in params)):
        return Said(ignored=("voice",))
    return Said({"voice": voice}, {"/input/voice": "/voice"})


def _answer(ordered: Order, jobs: Sequence[Job]) -> Response:
    job = jobs[0]
    if job.status is not Status.SUCCEEDED:
        return say_ignored(failed(job), ordered.ignored)
    for output in job.outputs:
        if output.kind == "audio":
            data, content_type = content(job, output)
            return say_ignored(Response(data, content_type=content_type), ordered.ignored)
    raise Problem("job_failed", "The app gave a result, but no sound; see the job.", headers=NO_RETRY)
