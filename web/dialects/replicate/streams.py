"""A prediction as events: ``output``, ``logs``, ``error`` and ``done``, and no other, on which version 1 raises.

Each has an id (version 1 for Python overlooks those without), and a client that names the last one it got goes on there.
Previews are not sent: clients take an ``output`` for a result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from flask import Response

from jobs.events import Logged, Progressed, Recalled, Submitted, Wrote
from jobs.model import Status
from jobs.record.types import Accepted, LoggedEvent, Record
from jobs.resources.prediction import progress_line
from web.dialects.growing_text import GrowingText
from web.dialects.made import Made
from web.dialects.replicate.answers import told
from web.dialects.streaming import as_logged, streamed
from web.dialects.waiting import Wait
from web.http.problems import Problem
from web.streaming.watch import event_order

#: The place of a message: its event in the log, and its number among that event's messages.
_Place = tuple[tuple[int, int], float]

_ID: Final = re.compile(r"([0-9]{1,19}-[0-9]{1,19})(?:\.([0-9]{1,6}))?")
#: Where a client of one of them sees the end of a line.
_LINE_END: Final = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: More events than a log has.
_ALL: Final = 1000
_REWRITTEN: Final = "The app wrote its text anew after a part of it was sent; the prediction has the whole."


def stream_of(record: Record, last: str) -> Response:
    """The answer to the current request for the events of a job, after one of them (``last``; empty: all)."""
    if record.job.status.is_terminal and last == record.event_id:
        return Response(status=204)
    stream = _Stream(record, last)
    made = Made(Accepted(record, replayed=False), None)
    return streamed((made,), (), stream.messages, stream.failed)


class _Stream:
    """What is told of one job."""

    def __init__(self, record: Record, last: str) -> None:
        self._record = record
        found = _ID.fullmatch(last)
        self._after = _place(found[1], found[2]) if found else None
        self._newest = found[0] if found else "0-0"
        self._text = GrowingText()

    def messages(self, wait: Wait) -> Iterator[bytes]:
        """All of them, and signs of life."""
        yield b"".join(map(self._tell, self._log(wait)))
        yield from as_logged(wait, self._tell)
        yield b"".join(self._end(wait.records[0]))

    def failed(self, answer: Response) -> bytes:
        """The last messages, where the answer would be an error."""
        detail = msgspec.json.decode(answer.get_data())["detail"]
        return _message(self._newest, "error", _json(detail=detail)) + _message(
            self._newest, "done", _json(reason="error")
        )

    def _log(self, wait: Wait) -> list[LoggedEvent]:
        """What has happened so far. Where the log has lost its begin, the text so far is all that is known.

        Raises:
            Problem: Then nobody knows what of it a client has that comes again.
        """
        entries = wait.services.store.log(self._record.job.id, after="0-0", limit=_ALL)
        if not entries or not isinstance(entries[0].event, Submitted | Recalled):
            if self._after is not None:
                raise Problem("gone", "The events that you have are no longer kept; get the prediction instead.")
            progress = self._record.job.progress
            self._text = GrowingText((progress and progress.partial) or "")
            return []
        newest = event_order(self._record.event_id)
        return [entry for entry in entries if event_order(entry.id) <= newest]

    def _tell(self, entry: LoggedEvent) -> bytes:
        match entry.event:
            case Wrote() as event:
                text = self._text.wrote(event)
                return self._say(entry.id, None, "output", text) if text else b""
            case Logged(text=line):
                return self._say(entry.id, None, "logs", f"{line}\n")
            case Progressed(fraction=fraction, step=step, total=total):
                line = progress_line(fraction, step, total)
                return self._say(entry.id, None, "logs", f"{line}\n") if line else b""
            case _:
                return b""

    def _end(self, record: Record) -> Iterator[bytes]:
        for number, (kind, data) in enumerate(self._last(record)):
            yield self._say(record.event_id, None if kind == "done" else number, kind, data)

    def _last(self, record: Record) -> Iterator[tuple[str, str]]:
        job, begun = record.job, bool(self._text.sent)
        error = job.error.detail if job.error is not None and job.status is Status.FAILED else None
        for output in job.outputs:
            shown = told(job, output)
            if output.kind == "text" and begun:
                shown, begun = self._text.rest(shown), False
            if shown is None:
                error = _REWRITTEN
            elif shown != "":
                yield "output", shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()
        if error is not None:
            yield "error", _json(detail=error)
            yield "done", _json(reason="error")
        else:
            yield "done", "{}" if job.status is Status.SUCCEEDED else _json(reason="canceled")

    def _say(self, entry_id: str, number: int | None, kind: str, data: str) -> bytes:
        """A message; nothing if the client has it already."""
        event_id = entry_id if number is None else f"{entry_id}.{number}"
        if self._after is not None and _place(entry_id, number) <= self._after:
            return b""
        self._newest = event_id
        return _message(event_id, kind, data)


def _place(entry_id: str, number: str | int | None) -> _Place:
    # What has no number is the last of its event.
    return event_order(entry_id), math.inf if number is None else int(number)


def _message(event_id: str, kind: str, data: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    return f"id: {event_id}\nevent: {kind}\n{lines}\n".encode()


def _json(**members: str) -> str:
    return msgspec.json.encode(members).decode()
