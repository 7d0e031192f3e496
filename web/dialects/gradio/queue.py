"""The queue: submit a call, hear how it goes, cancel it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Final

from flask import Blueprint, Response, request, stream_with_context
from msgspec import Meta

from jobs.resources import examples
from jobs.resources.base import Resource, about
from web.dialects.bodies import DialectBody, without_nulls
from web.dialects.gradio.apps import app_of
from web.dialects.gradio.declared import CREDENTIAL, REFUSALS, TAG, Routes, json_answer, refusal, refusal_of_call
from web.dialects.gradio.following import Following
from web.dialects.gradio.sessions import Session
from web.dialects.gradio.submitting import submitted
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.streaming import until_hung_up
from web.http.json_body import PICTURE_BODY, SMALL_BODY, read_json
from web.http.operation import Answer, Operation, Parameter, ok, some
from web.http.validation import BodyReader
from web.services import caller, services
from web.streaming.watch import HungUp

blueprint: Final = Blueprint("gradio_queue", __name__)
_routes: Final = Routes(blueprint)
_SESSION: Final = "session_hash"
_Word = Annotated[str, Meta(max_length=128)]


class Call(DialectBody, frozen=True, kw_only=True):
    """A call of a function. Other fields of Gradio's are accepted and have no effect; tokens in them are not kept."""

    data: Annotated[list[Any], about("The values of the inputs, in the app's order.")]
    fn_index: Annotated[int, about("The function, as /config numbers it.")]
    session_hash: Annotated[_Word, about("The client's own name of its session.")]


class CallAnswer(Resource, frozen=True, kw_only=True):
    """A call that was accepted."""

    event_id: Annotated[str, about("The id of the job.", example=examples.JOB)]


class CallToCancel(DialectBody, frozen=True, kw_only=True):
    """A call to cancel."""

    event_id: Annotated[_Word, about("The id of the job.")] = ""


class Canceled(Resource, frozen=True, kw_only=True):
    """Whether there was a job to cancel."""

    success: Annotated[bool, about("Whether there was one.", example=True)]


_EXAMPLE: Final = {"data": ["a lighthouse at dusk"], "fn_index": 0, "session_hash": "x7k2"}
CALL: Final = BodyReader(Call, name="GradioCall", examples={"plain": {"summary": "A call", "value": _EXAMPLE}})
CANCEL: Final = BodyReader(CallToCancel, name="GradioCancel", examples={})


@_routes.add(
    "POST", "/queue/join",
    Operation(
        "gradioJoinQueue", TAG, "submit", submits=True, body=CALL, answers=(ok("Accepted.", CallAnswer, (IGNORED_HEADER,)),),
        errors=REFUSALS, credential=CREDENTIAL, refusal=refusal_of_call,
    ),
)  # fmt: skip
def join(name: str) -> Response:
    """Submit a call.

    The job is a native one: `event_id` is its id. What happens to it is told at `/queue/data`.
    """
    asked = CALL.read(without_nulls(read_json(request, PICTURE_BODY)))
    app = app_of(name)
    session = Session(app.name, asked.session_hash)
    function = app.numbered(asked.fn_index)
    job, ignored = submitted(app, function, asked.data)
    session.add(job.id, function.fn_index)
    return say_ignored(json_answer(CallAnswer(event_id=job.id)), ignored)


@_routes.add(
    "GET", "/queue/data",
    Operation(
        "gradioQueueData", TAG, "read", parameters=(Parameter(_SESSION, "query", "As in `/queue/join`."),),
        answers=(Answer(200, "The messages.", {"text/event-stream": None}),), errors=REFUSALS, credential=CREDENTIAL,
        refusal=refusal,
    ),
)  # fmt: skip
def data(name: str) -> Response:
    """Hear of a session's jobs.

    Server-sent events, as Gradio's protocol `sse_v3` has them. The stream ends when the end of each job was told. A client
    that hangs up cancels nothing, and may ask again.
    """
    following = Following(app_of(name), Session(name, some(request, _SESSION).get(_SESSION, "")))
    answer = Response(stream_with_context(_body(following)), mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    answer.call_on_close(following.close)
    return answer


def _body(following: Following) -> Iterator[bytes]:
    try:
        yield from until_hung_up(following.messages(), following.failed)
    except HungUp:
        return
    finally:
        following.close()


def _cancel() -> Response:
    asked = CANCEL.read(without_nulls(read_json(request, SMALL_BODY)))
    if not asked.event_id:
        return json_answer(Canceled(success=False))
    services().jobs.cancel(asked.event_id, caller().owner)
    return json_answer(Canceled(success=True))


_CANCELING: Final = Operation(
    "gradioCancel", TAG, "submit", body=CANCEL, answers=(ok("Canceled, or asked for.", Canceled),), errors=("not_found", "gone"),
    credential=CREDENTIAL, refusal=refusal,
)  # fmt: skip


@_routes.add("POST", "/cancel", _CANCELING)
def cancel(name: str) -> Response:
    """Cancel a call.

    Its job is canceled, as by `POST /v1/jobs/{job_id}/cancel`.
    """
    del name
    return _cancel()


@_routes.add("POST", "/reset", replace(_CANCELING, id="gradioReset"))
def reset(name: str) -> Response:
    """Cancel a call.

    The same as `/cancel`, by an older name. Clients ask for both.
    """
    del name
    return _cancel()
