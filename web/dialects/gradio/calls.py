"""A call in two plain requests, as ``curl`` makes them: submit it, then read what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from flask import Blueprint, Response, request

from jobs.errors import JobNotFound
from jobs.events import JobEvent
from jobs.record.types import Accepted
from jobs.resources.base import about
from providers.discovery.signature import Function
from web.dialects.bodies import DialectBody
from web.dialects.gradio.apps import App, app_of
from web.dialects.gradio.arguments import by_name
from web.dialects.gradio.declared import CREDENTIAL, REFUSALS, TAG, Routes, encode, json_answer, refusal
from web.dialects.gradio.queue import CallAnswer
from web.dialects.gradio.submitting import submitted
from web.dialects.gradio.telling import completed
from web.dialects.ignored import IGNORED_HEADER, say_ignored
from web.dialects.made import Made
from web.dialects.streaming import as_it_runs, streamed
from web.dialects.waiting import Wait
from web.http.json_body import PICTURE_BODY, read_json
from web.http.operation import Answer, Operation, ok
from web.http.validation import BodyReader
from web.services import caller, services

blueprint: Final = Blueprint("gradio_calls", __name__)
_routes: Final = Routes(blueprint)


class PlainCall(DialectBody, frozen=True, kw_only=True):
    """A call of the function in the path."""

    data: Annotated[list[Any], about("The values of the inputs, in the app's order.")]


class NamedCall(DialectBody, frozen=True, kw_only=True):
    """A call by the names of the inputs: each is a field."""


_PLAIN: Final = {"plain": {"summary": "A call", "value": {"data": ["a lighthouse at dusk"]}}}
_NAMED: Final = {"plain": {"summary": "A call", "value": {"prompt": "a lighthouse at dusk"}}}
CALL: Final = BodyReader(PlainCall, name="GradioPlainCall", examples=_PLAIN)
NAMED: Final = BodyReader(NamedCall, name="GradioNamedCall", examples=_NAMED)
_SUBMITTING: Final = Operation(
    "gradioCall", TAG, "submit", submits=True, body=CALL, answers=(ok("Accepted.", CallAnswer, (IGNORED_HEADER,)),),
    errors=REFUSALS, credential=CREDENTIAL, refusal=refusal,
)  # fmt: skip


@_routes.add("POST", "/call/<api_name>", _SUBMITTING)
def call(name: str, api_name: str) -> Response:
    """Submit a call by the function's name.

    The values stand in the app's order. `event_id` is the id of the job: its answer is at `/call/{api_name}/{job_id}`.
    """
    app = app_of(name)
    asked = CALL.read(read_json(request, PICTURE_BODY))
    return _submitted(app, app.named(api_name), asked.data)


@_routes.add("POST", "/call/v2/<api_name>", replace(_SUBMITTING, id="gradioNamedCall", body=NAMED))
def named_call(name: str, api_name: str) -> Response:
    """Submit a call by the function's name, with its values by their names."""
    app = app_of(name)
    function = app.named(api_name)
    body = read_json(request, PICTURE_BODY)
    NAMED.read(body)
    return _submitted(app, function, by_name(function, body))


def _submitted(app: App, function: Function, data: Sequence[Any]) -> Response:
    job, ignored = submitted(app, function, data)
    return say_ignored(json_answer(CallAnswer(event_id=job.id)), ignored)


_RESULT: Final = Operation(
    "gradioCallResult", TAG, "read", answers=(Answer(200, "The messages.", {"text/event-stream": None}),),
    errors=REFUSALS, credential=CREDENTIAL, refusal=refusal,
)  # fmt: skip


@_routes.add("GET", "/call/<api_name>/<job:job_id>", _RESULT)
@_routes.add("GET", "/call/v2/<api_name>/<job:job_id>", replace(_RESULT, id="gradioNamedCallResult"))
def result(name: str, api_name: str, job_id: str) -> Response:
    """Get what a call answers.

    Server-sent events: `heartbeat` while it runs, then `complete` with the list of values, or `error`. It can be asked for
    again, as long as the job is kept.
    """
    app = app_of(name)
    function = app.named(api_name)
    record = services().store.get(job_id, caller().owner)
    if record.job.model not in {app.name, function.model}:
        raise JobNotFound(job_id)
    made = Made(Accepted(record, replayed=True), None)
    return streamed([made], (), partial(_events, function=function), _failed)


def _events(wait: Wait, function: Function) -> Iterator[bytes]:
    yield from as_it_runs(wait, _nothing, alive=_event("heartbeat", None))
    message = completed(function, wait.jobs[0])
    if message["success"]:
        yield _event("complete", message["output"]["data"])
    else:
        yield _event("error", message["output"])


def _nothing(event: JobEvent) -> bytes:
    del event
    return b""


def _failed(answer: Response) -> bytes:
    error = msgspec.json.decode(answer.get_data())
    return _event("error", {"error": f"{error['code']}: {error['detail']}"})


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), encode(data))
