"""The event stream of a job, and its log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from socket import socket
from typing import Final

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET

from jobs.errors import JobGone, JobNotFound, StoreUnavailable
from jobs.events import Wrote
from jobs.record.types import LoggedEvent, Record
from jobs.resources.base import Links
from jobs.resources.job import job_resource
from jobs.resources.progress import QueueResource, queue_resource
from web.http.auth import Caller
from web.http.headers import connection_of, header
from web.http.operation import Answer, Operation, Parameter, json_response, only, refuse, whole_number
from web.http.problems import Problem
from web.services import Services, caller, links, services
from web.streaming import sse
from web.streaming.messages import DeletedJob, EventLog, EventStreamResource, PartialMessage, is_end, log_of
from web.streaming.pump import TooManyWatchers
from web.streaming.watch import HungUp, Watch
from web.v1.job_answers import look
from web.v1.job_documents import Seen

blueprint = Blueprint("events", __name__)

_LOG_LIMIT: Final = 1000


@blueprint.get("/jobs/<job:job_id>/events")
@Operation(
    "watchJob",
    "Jobs",
    "read",
    parameters=(
        Parameter(
            "Last-Event-ID",
            "header",
            "Continue after this event. Browsers send it by themselves when they reconnect.",
            example="1795000000000-0",
        ),
        Parameter(
            "limit",
            "query",
            "JSON form: the maximum number of entries in one answer.",
            schema={"type": "integer", "minimum": 1, "maximum": _LOG_LIMIT, "default": _LOG_LIMIT},
        ),
        Parameter("cursor", "query", "JSON form: `next_cursor` of the previous answer."),
    ),
    answers=(
        Answer(
            200,
            "The events, as a stream or (with `Accept: application/json`) as a list.",
            {"text/event-stream": EventStreamResource, "application/json": EventLog},
        ),
        Answer(204, "The job has ended and you have received its last event: do not reconnect."),
    ),
    errors=("invalid_input", "not_found", "gone", "quota_exceeded", "too_many_streams"),
)
def events(job_id: str) -> Response:
    """Watch a job.

    Server-sent events: a `snapshot` first, then each change with an id to continue from, and `end` with the finished
    job. A comment is sent at least every 15 seconds. With `Accept: application/json` the answer is the log as a list.
    """
    parameters = only(request, "limit", "cursor")
    limit = whole_number(parameters, "limit", _LOG_LIMIT, 1, _LOG_LIMIT)
    after = parameters.get("cursor", "0-0")
    if sse.before(after) is None:
        raise refuse("cursor", "is not an event id")
    record, waiting = look(job_id)
    best = request.accept_mimetypes.best_match(["text/event-stream", "application/json"])
    if best == "application/json" and request.accept_mimetypes["text/event-stream"] < 1:
        return _log(record, after, limit)
    last = header(request.environ, "Last-Event-ID")
    if record.job.status.is_terminal and last == record.event_id:
        return Response(status=204)
    missed = _missed(record, last)
    place = None if waiting is None else queue_resource(waiting, record.job.upstream)
    token = header(request.environ, "Authorization").partition(" ")[2]
    stream = Stream(services(), caller(), token, links(), record, missed, place, connection_of(request.environ))
    first = b""
    if missed is None:
        mark = None if record.job.status.is_terminal else record.event_id
        first = sse.message("snapshot", job_resource(record, waiting, links()), mark)
    return stream.answer(first)


def _log(record: Record, after: str, limit: int) -> Response:
    entries = services().store.log(record.job.id, after=after, limit=limit + 1)
    data = [line for entry in entries[:limit] for line in log_of(entry, record.job.id, links())]
    has_more = len(entries) > limit
    following = entries[limit - 1].id if has_more else UNSET
    return json_response(EventLog(data=data, has_more=has_more, next_cursor=following))


def _missed(record: Record, last: str) -> list[LoggedEvent] | None:
    """The events that a reconnecting client has missed; None if its place is not, or no longer, in the log."""
    predecessor = sse.before(last)
    if predecessor is None:
        return None
    entries = services().store.log(record.job.id, after=predecessor, limit=_LOG_LIMIT)
    if not entries or entries[0].id != last or len(entries) == _LOG_LIMIT:
        return None
    return list(entries[1:])


@dataclass(slots=True)
class Stream:
    """One open event stream. It holds what it needs of the request, which ends before it does."""

    services: Services
    caller: Caller
    token: str
    links: Links
    record: Record
    #: Events to send first; None if it begins with a snapshot.
    missed: list[LoggedEvent] | None
    #: What the job waits for, as the client knows it.
    place: QueueResource | None
    #: The client's connection.
    client: socket | None
    #: Its name among the key's open streams.
    name: str = ""
    #: When its job is looked up again, although it waited for nothing and nothing has happened since.
    look_at: float = 0.0

    def answer(self, first: bytes) -> Response:
        """The answer; the stream ends with the job, the client, the key, or with :attr:`Timings.longest_stream`.

        Raises:
            Problem: 429 or 503: the key, or the process, has its maximum of streams.
        """
        watch = None if self.record.job.status.is_terminal else self._watch()
        answer = Response(self._body(first, watch), mimetype="text/event-stream")
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Accel-Buffering"] = "no"
        if watch is not None:
            answer.call_on_close(watch.close)
            answer.call_on_close(self._uncount)
        return answer

    def _watch(self) -> Watch:
        streams, most = self.services.streams, self.caller.limits.streams
        self.name = streams.open(self.caller.owner, most) or ""
        if not self.name:
            detail = f"Your key may have {most} event streams open. Close one, or poll the job instead."
            raise Problem("quota_exceeded", detail, headers={"Retry-After": "5"}, members={"limit": "streams"})
        after = self.missed[-1].id if self.missed else self.record.event_id
        try:
            return self.services.pump.watch(self.record.job.id, after, owner=self.caller.owner, client=self.client)
        except TooManyWatchers:
            self._uncount()
            detail = "Poll the job instead, or try again later."
            raise Problem("too_many_streams", detail, headers={"Retry-After": "5"}) from None

    def _uncount(self) -> None:
        # Otherwise it counts until its sign of life expires.
        with suppress(StoreUnavailable):
            self.services.streams.close(self.caller.owner, self.name)

    def _body(self, first: bytes, watch: Watch | None) -> Iterator[bytes]:
        yield sse.RETRY + first
        # A stream may stay open for minutes: it keeps nothing that it has sent.
        del first
        missed, self.missed = self.missed or (), None
        for entry in _without_older_partials(missed):
            yield self._message(entry)
            if is_end(entry.event):
                return
        del missed
        if watch is None:
            yield sse.message("end", self._final(), self.record.event_id)
            return
        yield from self._live(watch)

    def _live(self, watch: Watch) -> Iterator[bytes]:
        timings = self.services.timings
        closes_at = time.monotonic() + timings.longest_stream
        beat_at = count_at = time.monotonic() + timings.heartbeat
        place = self.place
        while time.monotonic() < closes_at and not watch.is_left:
            try:
                # Checked before events are taken from the watch: taken events must be sent.
                if not self.services.gate.still_valid(self.caller, self.token, "read"):
                    return
                if time.monotonic() >= count_at:
                    self.services.streams.beat(self.caller.owner, self.name)
                    count_at = time.monotonic() + timings.heartbeat
                news = watch.news(timings.queue_look)
                for entry in _without_older_partials(news):
                    yield self._message(entry)
                    if is_end(entry.event):
                        return
                place, before = (place if news else self._look_again(watch.last)), place
            except (JobGone, JobNotFound, HungUp):
                return
            except StoreUnavailable:
                # A short outage does not end the stream: the pump continues afterwards.
                watch.pause(timings.queue_look)
                continue
            if place is not None and place != before:
                yield sse.message("queue", place)
            elif time.monotonic() >= beat_at:
                yield sse.HEARTBEAT
            else:
                continue
            beat_at = time.monotonic() + timings.heartbeat

    def _message(self, entry: LoggedEvent) -> bytes:
        if isinstance(entry.event, Wrote):
            return self._partial(entry.id)
        job_id = self.record.job.id
        if is_end(entry.event):
            return sse.stream_of(entry, job_id, self.links, self._final())
        return self.services.event_bytes.of(entry, job_id, self.links)

    def _partial(self, event_id: str) -> bytes:
        """The text so far as the job has it now; nothing if it has none any more."""
        progress = self.services.store.get(self.record.job.id).job.progress
        if progress is None or progress.partial is None:
            return b""
        return sse.message("partial", PartialMessage(text=progress.partial), event_id)

    def _final(self) -> msgspec.Raw | DeletedJob:
        """The finished job, as a poll shows it."""
        try:
            record, _ = self.services.views.look(self.record.job.id)
            return msgspec.Raw(self.services.documents.of(Seen(record, None), self.links.base).body)
        except JobGone as gone:
            # Deleted at this very moment.
            return DeletedJob(id=gone.tombstone.id, status=gone.tombstone.status)

    def _look_again(self, last: str) -> QueueResource | None:
        """What the job waits for now, ``last`` being the newest event that the client has.

        One that waited for nothing waits for nothing until something happens, so it is looked up only as often as a sign of
        life is sent, for the case that it was deleted.
        """
        estimates, now = self.services.queue_estimates, time.monotonic()
        if self.record.event_id == last and not estimates.may_wait(self.record.job) and now < self.look_at:
            return None
        self.record, place = self.services.views.look(self.record.job.id)
        self.look_at = now + self.services.timings.heartbeat
        waiting = estimates.waiting(self.record, place)
        return None if waiting is None else queue_resource(waiting, self.record.job.upstream)


def _without_older_partials(entries: Sequence[LoggedEvent]) -> list[LoggedEvent]:
    """The events without those of partial texts that a later one of them replaces."""
    last = max((place for place, entry in enumerate(entries) if isinstance(entry.event, Wrote)), default=-1)
    return [entry for place, entry in enumerate(entries) if place == last or not isinstance(entry.event, Wrote)]
