"""An answer that comes when its jobs have ended: a client that waits costs no thread, and learns of errors in time.

A program that gave its request no limit of its own still loses it in a layer below, after 300 s without the headers of
an answer. So after a minute the answer begins, with white space in front of its JSON, which all readers of JSON skip.
Until then an error has its own status.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from socket import socket
from typing import Final

from flask import Response, g, request, stream_with_context

from jobs.errors import StoreUnavailable
from jobs.idempotency import Idempotency
from jobs.model import Job
from jobs.record.types import LoggedEvent, Record
from resilience import foreign, survive
from web.dialects.made import Made, are_joined
from web.http.deferred import defer
from web.http.error_responses import respond
from web.http.headers import connection_of
from web.services import Services, services
from web.streaming.messages import is_end
from web.streaming.pump import TooManyWatchers
from web.streaming.watch import HungUp, Watch
from web.v1.idempotency import say_replayed

log = logging.getLogger(__name__)

#: How a proxy names a client that has gone.
CLIENT_GONE: Final = 499

#: Makes the answer from the jobs, all of which have ended.
Renderer = Callable[[Sequence[Job]], Response]


class AnswerFailed(Exception):
    """An answer that has begun cannot be ended as it should."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class _Awaited:
    """A job that a client waits for: what is needed to watch it, and its record as it was seen last."""

    job_id: str
    owner: str
    event_id: str
    marks: Idempotency | None
    record: Record | None

    @property
    def is_over(self) -> bool:
        """Whether it is known to have ended."""
        return self.record is not None and self.record.job.status.is_terminal


def _awaited(made: Made) -> _Awaited:
    record = made.accepted.record
    return _Awaited(record.job.id, record.job.owner, record.event_id, made.marks, record)


@dataclass(slots=True)
class Wait:
    """A client of the current request that waits for jobs. Close it."""

    made: InitVar[Sequence[Made]]
    services: Services = field(default_factory=services)
    #: Both are the current request's; the wait itself may be outside of Flask.
    _let_in: Callable[[], object] = field(default_factory=lambda: g.let_in)
    _client: socket | None = field(default_factory=lambda: connection_of(request.environ))
    _awaited: list[_Awaited] = field(init=False)
    _watch: Watch | None = field(default=None, init=False)
    _watched: int = field(default=-1, init=False)
    _over: bool = field(default=False, init=False)
    #: Whether a job is known to have ended, and was not read since.
    _is_old: bool = field(default=False, init=False)

    def __post_init__(self, made: Sequence[Made]) -> None:
        self._awaited = [_awaited(each) for each in made]

    @property
    def jobs(self) -> list[Job]:
        """The jobs as they were seen last, but those that were forgotten."""
        return [record.job for record in self.records]

    def forget(self) -> None:
        """Forget the jobs that go on, for a wait that asks nothing of them before they have ended."""
        for each in self._awaited:
            if not each.is_over:
                each.record = None

    @property
    def records(self) -> Sequence[Record]:
        """Their records as they were seen last, but those that were forgotten."""
        return [each.record for each in self._awaited if each.record is not None]

    def until(self, moment: float) -> list[Job] | None:
        """The jobs once all have ended; None: it is that moment (of :func:`time.monotonic`), and some have not.

        Raises:
            HungUp: The client has gone.
            Problem: Its key was revoked meanwhile.
            JobGone: A job was deleted.
        """
        for number, each in enumerate(self._awaited):
            while not each.is_over:
                if time.monotonic() >= moment:
                    return None
                self.news(number, moment)
        return self.jobs

    def news(self, number: int, moment: float) -> Sequence[LoggedEvent]:
        """What has happened to one of the jobs since it was looked at, or in a moment from now."""
        look = self.services.timings.queue_look
        left = max(0.001, min(moment - time.monotonic(), look))
        watch = self._watching(number)
        try:
            self._let_in()
            news = watch.news(left) if watch and not self._is_old else self._pause(left)
            if watch is None or self._is_old or any(is_end(entry.event) for entry in news):
                # An outage now must not lose what the news said.
                self._is_old = True
                self._awaited[number].record = self.services.store.get(self._awaited[number].job_id)
                self._is_old = False
        except StoreUnavailable:
            # A short outage ends no wait.
            if watch is not None:
                watch.pause(left)
            return ()
        return news

    @staticmethod
    def _pause(seconds: float) -> Sequence[LoggedEvent]:
        time.sleep(seconds)
        return ()

    def _watching(self, number: int) -> Watch | None:
        """A watch of one of the jobs; None: the process has no place for one more, so the job is looked at now and then."""
        if self._watched != number:
            self._leave()
            each = self._awaited[number]
            with suppress(TooManyWatchers):
                self._watch = self.services.pump.watch(
                    each.job_id, each.event_id, owner=each.owner, client=self._client
                )
            self._watched = number
        return self._watch

    def _leave(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def close(self, *, answered: bool) -> None:
        """Stop waiting. A client that is gone without the answer may ask again and join its jobs."""
        if self._over:
            return
        self._over = True
        self._leave()
        for each in self._awaited:
            if each.marks is None:
                continue
            with survive(log, "a request that is sent again may make a second job"):
                if answered:
                    self.services.unanswered.answered(each.marks, each.job_id)
                else:
                    self.services.unanswered.abandon(each.marks, each.job_id)


def answer_when_ended(made: Sequence[Made], render: Renderer) -> Response:
    """The answer to the current request, once all jobs have ended."""
    wait = Wait(made)
    wait.forget()
    late = time.monotonic() + wait.services.timings.late_answer
    return _deferred(_Later(wait, late, render, joined=are_joined(made), begins=True))


def answer_within(made: Sequence[Made], seconds: float, render: Renderer) -> Response:
    """The answer to the current request, once all jobs have ended, or after ``seconds``; it shows them either way."""
    return _deferred(_Later(Wait(made), time.monotonic() + seconds, render, joined=are_joined(made), begins=False))


@dataclass(frozen=True, slots=True)
class _Later:
    """An answer that is made when the jobs have ended, or at a moment (of :func:`time.monotonic`).

    Args:
        joined: Whether an earlier sending of the request made all its jobs.
        begins: Whether the answer begins at that moment, with white space; else it shows the jobs as they are then.
    """

    wait: Wait
    moment: float
    render: Renderer
    joined: bool
    begins: bool

    def sleep(self) -> None:
        """Wait, outside of Flask."""
        self.wait.until(self.moment)

    def finish(self, failed: Exception | None) -> Response:
        """The answer, or what has failed."""
        try:
            if failed is not None:
                raise failed
            ended = self.wait.until(self.moment) is not None
            if ended or not self.begins:
                answer = _sent(self.wait, self.render(self.wait.jobs))
            else:
                answer = _late(self.wait, self.render)
        except HungUp:
            self.wait.close(answered=False)
            return Response(status=CLIENT_GONE)
        except Exception:
            self.wait.close(answered=True)
            raise
        return say_replayed(answer) if self.joined else answer


def _deferred(later: _Later) -> Response:
    return defer(later.sleep, later.finish)


def _sent(wait: Wait, answer: Response) -> Response:
    """The answer, which counts as given once its body has left."""
    body = answer.get_data()
    answer.headers["Content-Length"] = str(len(body))
    answer.response = told(wait, iter((body,)))
    return closing(wait, answer)


def closing(wait: Wait, answer: Response) -> Response:
    """An answer that ends the wait with it, also where its body was never asked for."""
    answer.call_on_close(lambda: wait.close(answered=False))
    return answer


def told(wait: Wait, body: Iterator[bytes]) -> Iterator[bytes]:
    """The body of an answer; at its end it is known whether the client took all of it."""
    whole = False
    try:
        yield from body
        whole = True
    except HungUp:
        return
    finally:
        wait.close(answered=whole)


def _late(wait: Wait, render: Renderer) -> Response:
    def body() -> Iterator[bytes]:
        yield b" "
        try:
            with foreign(AnswerFailed, unless=(HungUp,)):
                while (jobs := wait.until(time.monotonic() + wait.services.timings.heartbeat)) is None:
                    yield b" "
                answer = render(jobs)
        except AnswerFailed as failed:
            answer = respond(failed.error)
        yield answer.get_data()

    answer = Response(stream_with_context(told(wait, body())), content_type="application/json")
    answer.headers["X-Accel-Buffering"] = "no"
    return closing(wait, answer)
