"""Pictures as a stream of OpenAI's events: previews while they are made, then the picture."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any, Literal

from flask import Response

from jobs.events import JobEvent, Previewed, Progressed
from jobs.files.images import convert
from jobs.model import Job, Status
from web.dialects.failures import failed
from web.dialects.openai.orders import Order
from web.dialects.openai.schemas import ImageFields
from web.dialects.pictures import in_base64, pictures_of
from web.dialects.streaming import as_it_runs, error_in, event, streamed
from web.dialects.waiting import Wait
from web.http.error_responses import respond
from web.http.problems import Problem
from web.http.threads import aside
from web.http.validation import or_none
from web.images.variants import FORMATS
from web.services import services

Kind = Literal["image_generation", "image_edit"]


def stream(asked: ImageFields, ordered: Order, kind: Kind) -> Response:
    """The events of a request for one picture."""
    return streamed(ordered.made, ordered.ignored, partial(_events, asked=asked, kind=kind), _error)


def _events(wait: Wait, asked: ImageFields, kind: Kind) -> Iterator[bytes]:
    previews = or_none(asked.partial_images) or 0
    sent = 0

    def tell(found: JobEvent) -> bytes:
        nonlocal sent
        if isinstance(found, Progressed):
            return event(_progress(found, kind))
        if not isinstance(found, Previewed) or sent >= previews:
            return b""
        preview = _preview(asked, wait.jobs[0], found.index)
        if preview is None:
            return b""
        shown = _picture(asked, wait.jobs[0], preview, f"{kind}.partial_image")
        sent += 1
        return event({**shown, "partial_image_index": sent - 1})

    yield from as_it_runs(wait, tell)
    job = wait.jobs[0]
    if job.status is not Status.SUCCEEDED:
        yield _error(failed(job))
        return
    for output in pictures_of(job)[:1]:
        size = {"size": f"{output.width}x{output.height}"} if output.width else {}
        picture = _picture(asked, job, in_base64(job, output, asked.form), f"{kind}.completed")
        yield event({**picture, **size})
        return
    yield _error(respond(Problem("job_failed", "The app gave a result, but no picture; see the job.")))


def _progress(found: Progressed, kind: Kind) -> dict[str, Any]:
    """An event of our own: clients pass it on or overlook it."""
    known = {"fraction": found.fraction, "step": found.step, "total": found.total, "message": found.message}
    return {
        "type": f"{kind}.progress",
        "stage": found.stage,
        **{name: value for name, value in known.items() if value is not None},
    }


def _preview(asked: ImageFields, job: Job, index: int) -> str | None:
    data = services().store.preview(job.id, index)
    if data is None:
        return None
    return base64.b64encode(aside(lambda: convert(BytesIO(data), FORMATS[asked.form], None), "copies")).decode()


def _picture(asked: ImageFields, job: Job, data: str, kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "b64_json": data,
        "created_at": int(job.created_at),
        "size": or_none(asked.size) or "auto",
        "quality": "auto",
        "background": "auto",
        "output_format": asked.form,
    }


def _error(answer: Response) -> bytes:
    """An error in the stream, as OpenAI's clients raise it."""
    return event({"type": "error", "error": error_in(answer)})
