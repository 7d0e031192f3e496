"""A response as a stream of OpenAI's events: the text as it comes, then each picture, and the whole response."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from flask import Response
from msgspec import structs, to_builtins

from jobs.events import JobEvent, Wrote
from jobs.model import Job, Status
from web.dialects.failures import rewritten
from web.dialects.growing_text import GrowingText
from web.dialects.openai.orders import Order
from web.dialects.openai.responses.answers import message_id, response_of
from web.dialects.openai.responses.schemas import ResponseItem
from web.dialects.streaming import as_it_runs, error_in, event, streamed
from web.dialects.waiting import Wait
from web.http.validation import or_none


def stream(ordered: Order) -> Response:
    """The events of a request's response."""
    told = _Told(ordered.job)
    return streamed(ordered.made, ordered.ignored, told.events, told.error)


class _Told:
    """What is told of one job, numbered."""

    def __init__(self, job: Job) -> None:
        self._numbers = count()
        self._text = GrowingText((job.progress.partial if job.progress else None) or "")
        self._item = {"item_id": message_id(job), "output_index": 0, "content_index": 0}
        self._begun = False

    def events(self, wait: Wait) -> Iterator[bytes]:
        """All of them."""
        job = wait.jobs[0]
        begun = structs.replace(response_of(job), status="in_progress", output=[])
        yield self._say("response.created", response=begun) + self._say("response.in_progress", response=begun)
        yield from as_it_runs(wait, self._as_it_runs)
        job = wait.jobs[0]
        found = response_of(job)
        if job.status is Status.SUCCEEDED:
            for place, item in enumerate(found.output):
                yield self._message(job, item) if item.type == "message" else self._picture(place, item)
            yield self._say("response.completed", response=found)
        elif job.status is Status.EXPIRED:
            yield self._say("response.incomplete", response=found)
        else:
            # The AI SDK asks again, up to three times, where nothing had begun before the end.
            yield self._begin() + self._say("response.failed", response=found)

    def error(self, answer: Response) -> bytes:
        """An error as clients read it: some in the event itself, some in its member ``error``."""
        found = error_in(answer)
        return self._say("error", code=found["code"], message=found["message"], param=found["param"], error=found)

    def _say(self, kind: str, **data: Any) -> bytes:  # noqa: ANN401 - any JSON
        return event({"type": kind, "sequence_number": next(self._numbers), **to_builtins(data)})

    def _as_it_runs(self, found: JobEvent) -> bytes:
        return self._more(self._text.wrote(found)) if isinstance(found, Wrote) else b""

    def _more(self, text: str) -> bytes:
        """A piece of the text; before the first one, the message that it is in."""
        if not text:
            return b""
        return self._begin() + self._say("response.output_text.delta", **self._item, delta=text, logprobs=[])

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        item = {
            "type": "message", "id": self._item["item_id"], "status": "in_progress", "role": "assistant", "content": [],
        }  # fmt: skip
        part = {"type": "output_text", "text": "", "annotations": []}
        added = self._say("response.output_item.added", output_index=0, item=item)
        return added + self._say("response.content_part.added", **self._item, part=part)

    def _message(self, job: Job, item: ResponseItem) -> bytes:
        part = (or_none(item.content) or [])[0]
        rest = self._text.rest(part.text)
        if rest is None:
            raise rewritten(job)
        return (
            self._begin()
            + self._more(rest)
            + self._say("response.output_text.done", **self._item, text=part.text, logprobs=[])
            + self._say("response.content_part.done", **self._item, part=part)
            + self._say("response.output_item.done", output_index=0, item=item)
        )

    def _picture(self, place: int, item: ResponseItem) -> bytes:
        begun = {"type": "image_generation_call", "id": item.id, "status": "in_progress"}
        return (
            self._say("response.output_item.added", output_index=place, item=begun)
            + self._say("response.image_generation_call.completed", output_index=place, item_id=item.id)
            + self._say("response.output_item.done", output_index=place, item=item)
        )
