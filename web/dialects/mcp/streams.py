"""A call that waits for a job: a stream with what happens meanwhile, and the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from flask import Response

from jobs.errors import JobError, StoreUnavailable
from resilience import survive
from web.dialects.made import Made
from web.dialects.mcp.messages import Call, event, reply
from web.dialects.mcp.results import state_of
from web.dialects.streaming import as_it_runs, streamed
from web.dialects.waiting import Wait
from web.services import caller, services
from web.streaming.sse import HEARTBEAT
from web.streaming.watch import HungUp
from web.v1.job_answers import look
from web.v1.job_documents import Seen

log = logging.getLogger(__name__)

_Messages = Callable[[Wait], Iterator[bytes]]

#: Progress that is reported before the end: it has to rise with each message, also where nothing is known to be done.
_MOST: Final = 99.0
_LEAST_RISE: Final = 0.01


def stream(
    call: Call, made: Made, finish: Callable[[Seen], dict[str, Any]], *, seconds: float, ignored: Sequence[str] = ()
) -> Response:
    """The answer to a call, when the job has ended, or after ``seconds``.

    Args:
        call: What was asked.
        made: Its job.
        finish: Makes the result from the job.
        seconds: Longest wait.
        ignored: Its arguments that have no effect.
    """
    ends = time.monotonic() + seconds
    job_id = made.accepted.record.job.id

    def messages(wait: Wait) -> Iterator[bytes]:
        told = _Progress(call, job_id)
        # At once, so that the client has the headers of the answer.
        yield told.look() or HEARTBEAT
        yield from as_it_runs(wait, lambda _: b"", look=told.look, until=ends)
        yield event(reply(call, finish(look(job_id))))

    # Who only looked at a job has canceled the look.
    cancels = call.modern and made.marks is not None
    return streamed([made], ignored, _or_canceled(messages, job_id) if cancels else messages, _last)


def _last(answer: Response) -> bytes:
    """An answer as the last message of a stream."""
    return b"event: message\ndata: %s\n\n" % answer.get_data()


def _or_canceled(messages: _Messages, job_id: str) -> _Messages:
    """Messages that cancel the job where the client closes the stream before the last one: it means just that."""

    def told(wait: Wait) -> Iterator[bytes]:
        try:
            yield from messages(wait)
        except (HungUp, GeneratorExit):
            # Before the job is canceled: nobody is to join it.
            wait.close(answered=True)
            with survive(
                log,
                "a call goes on that its client no longer wants",
                expected=(StoreUnavailable, JobError),
                job_id=job_id,
            ):
                services().jobs.cancel(job_id, caller().owner)
            raise

    return told


class _Progress:
    """What is reported of a job, as far as the call wants it."""

    def __init__(self, call: Call, job_id: str) -> None:
        self._token = call.progress_token
        self._job_id = job_id
        self._reached = 0.0
        self._said: tuple[str, float | None] | None = None

    def look(self) -> bytes:
        """A message, if there is something new."""
        if self._token is None:
            return b""
        with suppress(StoreUnavailable):
            seen = look(self._job_id)
            if not seen.record.job.status.is_terminal and (state := state_of(seen)) != self._said:
                self._said = state
                return self._report(*state)
        return b""

    def _report(self, message: str, fraction: float | None) -> bytes:
        self._reached = round(max(self._reached + _LEAST_RISE, (fraction or 0.0) * _MOST), 2)
        if self._reached >= 100:
            return b""
        params = {"progressToken": self._token, "progress": self._reached, "total": 100, "message": message}
        return event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
