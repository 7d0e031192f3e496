"""Pictures as a stream of OpenAI's events: previews while they are made, then the picture.

No message has an id, and signs of life are comments: OpenAI's clients read the two together as an empty message.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, Literal

import msgspec
from flask import Response, stream_with_context

from jobs.events import Previewed, Progressed
from jobs.files.images import convert
from jobs.model import Job, Status
from resilience import foreign
from web.dialects.failures import failed
from web.dialects.openai.images import Order
from web.dialects.pictures import in_base64, pictures_of
from web.dialects.submitting import say_ignored
from web.dialects.waiting import AnswerFailed, Wait, told
from web.http.error_responses import respond
from web.http.problems import Problem
from web.http.threads import aside
from web.http.validation import or_none
from web.images.variants import FORMATS
from web.services import services
from web.streaming.pump import HungUp
from web.streaming.sse import HEARTBEAT

Kind = Literal["image_generation", "image_edit"]

_encode: Final = msgspec.json.Encoder().encode


def event(data: dict[str, Any]) -> bytes:
    """One message, named by its type."""
    return b"event: %s\ndata: %s\n\n" % (str(data["type"]).encode(), _encode(data))


def stream(ordered: Order, kind: Kind) -> Response:
    """The events of a request for one picture."""
    wait = Wait(ordered.made)
    answer = Response(
        stream_with_context(told(wait, _until_hung_up(wait, ordered, kind))), mimetype="text/event-stream"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return say_ignored(answer, ordered.ignored)


def _until_hung_up(wait: Wait, ordered: Order, kind: Kind) -> Iterator[bytes]:
    try:
        with foreign(AnswerFailed, unless=(HungUp,)):
            yield from _events(wait, ordered, kind)
    except AnswerFailed as failed:
        yield _error(respond(failed.error))


def _events(wait: Wait, ordered: Order, kind: Kind) -> Iterator[bytes]:
    previews = or_none(ordered.asked.partial_images) or 0
    beat = wait.services.timings.heartbeat
    sent, spoke_at = 0, time.monotonic()
    while (job := wait.jobs[0]) and not job.status.is_terminal:
        said = b""
        for entry in wait.news(0, time.monotonic() + beat):
            if isinstance(entry.event, Progressed):
                said += event(_progress(entry.event, kind))
            elif isinstance(entry.event, Previewed) and sent < previews:
                found = _preview(ordered, job, entry.event.index)
                if found is not None:
                    said += event(
                        {**_picture(ordered, job, found, f"{kind}.partial_image"), "partial_image_index": sent}
                    )
                    sent += 1
        if said or time.monotonic() - spoke_at >= beat:
            yield said or HEARTBEAT
            spoke_at = time.monotonic()
    if job.status is not Status.SUCCEEDED:
        yield _error(failed(job))
        return
    for output in pictures_of(job)[:1]:
        size = {"size": f"{output.width}x{output.height}"} if output.width else {}
        picture = _picture(ordered, job, in_base64(job, output, ordered.form), f"{kind}.completed")
        yield event({**picture, **size})
        return
    yield _error(respond(Problem("job_failed", "The app gave a result, but no picture; see the job.", status=502)))


def _progress(found: Progressed, kind: Kind) -> dict[str, Any]:
    """An event of our own: clients pass it on or overlook it."""
    known = {"fraction": found.fraction, "step": found.step, "total": found.total, "message": found.message}
    return {
        "type": f"{kind}.progress",
        "stage": found.stage,
        **{name: value for name, value in known.items() if value is not None},
    }


def _preview(ordered: Order, job: Job, index: int) -> str | None:
    data = services().store.preview(job.id, index)
    if data is None:
        return None
    return base64.b64encode(aside(lambda: convert(BytesIO(data), FORMATS[ordered.form], None), "copies")).decode()


def _picture(ordered: Order, job: Job, data: str, kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "b64_json": data,
        "created_at": int(job.created_at),
        "size": or_none(ordered.asked.size) or "auto",
        "quality": "auto",
        "background": "auto",
        "output_format": ordered.form,
    }


def _error(answer: Response) -> bytes:
    """An error in the stream, as OpenAI's clients raise it."""
    found = msgspec.json.decode(answer.get_data())
    return b"event: error\ndata: %s\n\n" % _encode({"type": "error", "error": found["error"]})
