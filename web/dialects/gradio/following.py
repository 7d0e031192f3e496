"""The stream of a session: what happens to all its jobs, until it has none whose end was not told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec
from flask import Response, request

from jobs.errors import StoreUnavailable
from jobs.files import ArtifactNotFound
from jobs.record.types import QueuePlace, Record
from web.dialects.gradio.apps import App
from web.dialects.gradio.declared import encode
from web.dialects.gradio.sessions import Session
from web.dialects.gradio.telling import Message, Told, completed, failed_with
from web.http.headers import connection_of
from web.services import Services, caller, let_in_again, links, services
from web.streaming.pump import TooManyWatchers
from web.streaming.watch import Watch

#: Longest time between two looks, in seconds: at one job, which rings when there is news, and at several.
_LOOK: Final = 1.0
_LOOK_AT_SEVERAL: Final = 0.25
_CLOSE: Final[Message] = {"msg": "close_stream", "event_id": None}
_BEAT: Final[Message] = {"msg": "heartbeat"}


def on_wire(message: Message) -> bytes:
    """One message. Gradio's clients read nothing but data: no comment, no id."""
    return b"data: %s\n\n" % encode(message)


@dataclass(slots=True)
class Following:
    """The stream of a session for the current request. Close it."""

    app: App
    session: Session
    services: Services = field(default_factory=services)
    _open: dict[str, Told] = field(default_factory=dict)
    _over: list[str] = field(default_factory=list)
    _watch: Watch | None = None

    def messages(self) -> Iterator[bytes]:
        """All that is told.

        Raises:
            HungUp: The client has gone.
            Problem: Its key was revoked meanwhile.
        """
        beat, spoke_at = self.services.timings.heartbeat, time.monotonic()
        while True:
            said = b""
            # A short outage ends no stream.
            with suppress(StoreUnavailable):
                let_in_again()
                self._enter()
                if not self._open:
                    break
                said = b"".join(map(on_wire, self._news()))
            if said or time.monotonic() - spoke_at >= beat:
                yield said or on_wire(_BEAT)
                spoke_at = time.monotonic()
            if self._over:
                self._leave()
            else:
                self._pause()
        yield on_wire(_CLOSE)

    def failed(self, answer: Response) -> bytes:
        """The end of a stream that cannot go on: that of each job, and its own. The jobs go on."""
        error = msgspec.json.decode(answer.get_data())
        detail = f"{error['detail']} The job goes on; GET /v1/jobs has it."
        ends = [failed_with(job_id, error["code"], detail) for job_id in self._open]
        return b"".join(map(on_wire, [*ends, _CLOSE]))

    def close(self) -> None:
        """Stop following."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _enter(self) -> None:
        """Learn of jobs that were submitted meanwhile."""
        for job_id, number in self.session.jobs().items():
            if job_id not in self._open:
                self._open[job_id] = Told(self.app.numbered(number))

    def _leave(self) -> None:
        """Forget the jobs whose end was told."""
        for job_id in self._over:
            self._open.pop(job_id, None)
            # What is told twice after an outage does no harm.
            with suppress(StoreUnavailable):
                self.session.told(job_id)
        self._over.clear()

    def _news(self) -> Iterator[Message]:
        found = self.services.views.looks([*self._open])
        for record, place in found:
            yield from self._news_of(record, place)
        for job_id in self._open.keys() - {record.job.id for record, _ in found}:
            self._over.append(job_id)
            yield failed_with(job_id, "gone", "The job was deleted.")

    def _news_of(self, record: Record, place: QueuePlace | None) -> Iterator[Message]:
        job, told = record.job, self._open[record.job.id]
        entries = self.services.store.log(job.id, after=told.event_id) if record.event_id != told.event_id else ()
        waiting = self.services.queue_estimates.waiting(record, place)
        yield from told.news(job, entries, waiting, links())
        if job.status.is_terminal:
            self._over.append(job.id)
            try:
                yield completed(told.function, job)
            except ArtifactNotFound:
                yield failed_with(job.id, "gone", "A file of the job is no longer kept.")

    def _pause(self) -> None:
        """Wait until there may be news."""
        seconds = _LOOK if len(self._open) == 1 else _LOOK_AT_SEVERAL
        watch = self._watching()
        if watch is None:
            time.sleep(seconds)
            return
        try:
            watch.news(seconds)
        except StoreUnavailable:
            watch.pause(seconds)

    def _watching(self) -> Watch | None:
        """A watch of one of the jobs; None: the process has no place for one more."""
        if self._watch is None or self._watch.job_id not in self._open:
            self.close()
            job_id, told = next(iter(self._open.items()), ("", None))
            if told is not None:
                with suppress(TooManyWatchers):
                    self._watch = self.services.pump.watch(
                        job_id, told.event_id, owner=caller().owner, client=connection_of(request.environ)
                    )
        return self._watch
