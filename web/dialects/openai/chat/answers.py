"""A job that has ended, as a chat completion; and one that runs, as a stream of its chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from flask import Response
from msgspec import UNSET, to_builtins

from jobs.events import JobEvent, Wrote
from jobs.model import Job, Status
from jobs.resources.base import optional
from web.dialects.failures import failed, rewritten
from web.dialects.growing_text import GrowingText
from web.dialects.ignored import say_ignored
from web.dialects.openai.chat.schemas import ChatChoice, ChatCompletion, ChatImage, ChatMessage, ImageUrl
from web.dialects.openai.orders import Order
from web.dialects.pictures import data_uri, pictures_of
from web.dialects.streaming import as_it_runs, encode, error_in, streamed
from web.dialects.texts import as_text
from web.dialects.waiting import Wait
from web.http.operation import json_response

_DONE: Final = b"data: [DONE]\n\n"


def answer(ordered: Order, jobs: Sequence[Job]) -> Response:
    """The answer to a request whose job has ended."""
    job = jobs[0]
    if job.status is not Status.SUCCEEDED:
        return say_ignored(failed(job), ordered.ignored)
    found = ChatCompletion(
        id=id_of(job),
        created=int(job.created_at),
        model=ordered.model,
        provider=optional(job.provider),
        choices=[ChatChoice(message=ChatMessage(content=as_text(job), images=_images(job) or UNSET))],
    )
    return say_ignored(json_response(found), ordered.ignored)


def id_of(job: Job) -> str:
    """The id of a completion."""
    return f"chatcmpl-{job.id}"


def _images(job: Job) -> list[ChatImage]:
    return [
        ChatImage(index=number, image_url=ImageUrl(url=data_uri(job, output)))
        for number, output in enumerate(pictures_of(job))
    ]


def stream(ordered: Order) -> Response:
    """The chunks of a request's answer."""
    return streamed(ordered.made, ordered.ignored, partial(_chunks, ordered=ordered), _error)


def _chunks(wait: Wait, ordered: Order) -> Iterator[bytes]:
    said = partial(_chunk, ordered.job, ordered.model)
    progress = ordered.job.progress
    text = GrowingText((progress.partial if progress else None) or "")

    def tell(found: JobEvent) -> bytes:
        more = text.wrote(found) if isinstance(found, Wrote) else ""
        return said({"content": more}) if more else b""

    yield said({"role": "assistant", "content": ""})
    yield from as_it_runs(wait, tell)
    job = wait.jobs[0]
    if job.status is not Status.SUCCEEDED:
        yield _error(failed(job))
        return
    rest = text.rest(as_text(job))
    if rest is None:
        raise rewritten(job)
    images = {"images": to_builtins(found)} if (found := _images(job)) else {}
    if rest or images:
        yield said({"content": rest, **images})
    yield said({}, "stop") + _DONE


def _chunk(job: Job, model: str, delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {
        "id": id_of(job),
        "object": "chat.completion.chunk",
        "created": int(job.created_at),
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: %s\n\n" % encode(chunk)


def _error(answer: Response) -> bytes:
    return b"data: %s\n\n" % encode({"error": error_in(answer)})
