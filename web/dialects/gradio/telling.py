"""What is told of a job: Gradio's messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobs.events import Progressed
from jobs.model import Job, Output, Status, Waiting
from jobs.record.types import LoggedEvent
from jobs.resources.base import Links
from media import format_of
from providers.discovery.signature import Function
from web.dialects.failures import failure_of
from web.dialects.gradio.results import partial_values, values
from web.dialects.pictures import content, link
from web.streaming.messages import LogMessage, messages_of

Message = dict[str, Any]
#: Before the first event of a job.
_NOTHING: Final = "0-0"


def file_data(job: Job, output: Output) -> Message:
    """A file of a job: its path below ``/file=``, and an address that needs no key."""
    suffixes = format_of(output.content_type or "").suffixes
    name = output.filename or f"{output.kind}{suffixes[0] if suffixes else ''}"
    return {
        "path": f"{job.id}/{output.index}/{path_end(name)}",
        "url": link(job, output),
        "size": output.bytes,
        "orig_name": name,
        "mime_type": output.content_type,
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }


def path_end(filename: str) -> str:
    """A file's name as the end of a path: clients save under it, and see by its suffix what the file is."""
    return re.sub(r"[^\w.-]", "_", filename, flags=re.ASCII).strip(".") or "file"


def answer_of(function: Function, job: Job) -> list[Any]:
    """What a function answers.

    Raises:
        ArtifactNotFound: A long text is no longer kept.
    """
    return values(
        function,
        job,
        lambda output: file_data(job, output),
        lambda output: content(job, output)[0].decode(errors="replace"),
    )


def failed_with(job_id: str, code: str, detail: str) -> Message:
    """The last message of a job without a result. Clients show its text, and take no field for a code: so that is in it."""
    return {"msg": "process_completed", "event_id": job_id, "success": False, "output": {"error": f"{code}: {detail}"}}


def completed(function: Function, job: Job) -> Message:
    """The last message of a job that has ended.

    Raises:
        ArtifactNotFound: A long text is no longer kept.
    """
    if job.status is not Status.SUCCEEDED:
        code = job.error.code if job.error is not None else str(job.status)
        return failed_with(job.id, code, failure_of(job).detail)
    output = {"data": answer_of(function, job), "is_generating": False}
    return {"msg": "process_completed", "event_id": job.id, "success": True, "output": output}


@dataclass(slots=True)
class Told:
    """What a client knows of a job that has not ended: the rest is told to it."""

    function: Function
    #: Its newest event that was told.
    event_id: str = _NOTHING
    _place: tuple[Any, ...] | None = None
    _reason: str = ""
    _text: str | None = None

    def news(
        self, job: Job, entries: Sequence[LoggedEvent], waiting: Waiting | None, links: Links
    ) -> Iterator[Message]:
        """What has happened since."""
        if self.event_id == _NOTHING:
            yield from (_log(job, "warning", warning) for warning in job.warnings)
        for entry in entries:
            self.event_id = entry.id
            if isinstance(entry.event, Progressed):
                yield _of(job, "progress", progress_data=[_unit(entry.event)])
            for kind, data in messages_of(entry.event, job.id, links):
                if isinstance(data, LogMessage):
                    yield _log(job, data.level, data.text)
                elif (
                    kind == "status" and getattr(data, "status", None) == Status.RUNNING and not job.cancel_requested_at
                ):
                    yield _of(job, "process_starts", eta=None)
        if waiting is not None:
            yield from self._waits(job, waiting)
        if job.progress is not None and job.progress.partial and self.function.is_stepwise:
            yield from self._wrote(job, job.progress.partial)

    def _waits(self, job: Job, waiting: Waiting) -> Iterator[Message]:
        upstream = job.upstream
        rank = upstream.rank if upstream is not None else waiting.position
        size = upstream.size if upstream is not None else None
        eta = waiting.eta_seconds if upstream is None else upstream.eta_seconds
        place = (rank, size, None if eta is None else round(eta))
        if place != self._place and rank is not None:
            self._place = place
            yield _of(job, "estimation", rank=rank, queue_size=rank + 1 if size is None else size, rank_eta=eta)
        if waiting.reason != self._reason:
            self._reason = waiting.reason
            if waiting.until is not None:
                yield _log(job, "info", waiting.message)

    def _wrote(self, job: Job, text: str) -> Iterator[Message]:
        if text == self._text:
            return
        now = partial_values(self.function, text)
        if now is None:
            return
        # The first is whole; those after it are what to change in each output.
        data = now if self._text is None else [[] if value is None else [["replace", [], value]] for value in now]
        self._text = text
        yield _of(job, "process_generating", success=True, output={"data": data, "is_generating": True})


def _of(job: Job, kind: str, **fields: Any) -> Message:  # noqa: ANN401 - any JSON
    return {"msg": kind, "event_id": job.id, **fields}


def _log(job: Job, level: str, text: str) -> Message:
    return _of(job, "log", log=text, level="warning" if level == "warning" else "info", duration=10, visible=True)


def _unit(event: Progressed) -> Mapping[str, Any]:
    return {
        "index": event.step,
        "length": event.total,
        "unit": "steps",
        "progress": event.fraction,
        "desc": event.message or event.stage,
    }
