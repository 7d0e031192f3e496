"""One attempt: run a job on one provider, write what the driver says, store what it made.

A job has one attempt at a time; while it is hedged, two (:mod:`worker.attempts.race`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from msgspec.structs import replace

import logs
from jobs import events, model
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.model import Failure, Job
from providers import (
    Checkpoint,
    Completed,
    Control,
    Partial,
    Preview,
    Progress,
    ProviderError,
    ProviderEvent,
    ProviderRequest,
)
from providers import Status as StatusText
from resilience import ForeignError, NoThread, foreign, survive
from worker.attempts import mapping, outcome
from worker.attempts.event_writer import EventWriter
from worker.attempts.mapping import BadOutput
from worker.attempts.outcome import NO_THREAD, OVERDUE, End, Finished, Stopped
from worker.attempts.outputs import ingest, preview_of
from worker.attempts.partial_text import PARTIAL_LIMIT
from worker.attempts.parts import Parts
from worker.attempts.provider_report import ProviderReport

log = logging.getLogger(__name__)

#: Most lines of text that one attempt may add to the log.
LINES_LIMIT: Final = 200


class Attempt:
    """One run of one job on one provider. One thread runs it; any other may end it.

    Args:
        parts: What it works with.
        job: The job as it was claimed.
        entry: The attempt in the job's ledger.
        writer: Writes under the lease.
        finishing: The block in which the attempt stores its result; raises where the attempt must not.
    """

    #: How many attempts run in it.
    attempts = 1

    def __init__(
        self,
        parts: Parts,
        job: Job,
        entry: model.Attempt,
        writer: EventWriter,
        finishing: Callable[[Attempt], AbstractContextManager[None]],
    ) -> None:
        self._parts = parts
        self._store = parts.store
        # As the job is where this attempt counts.
        self._job = replace(job, provider=entry.provider, input=entry.input or job.input)
        self._is_hedge = entry.hedge
        self._writer = writer
        self._finishing = finishing
        self.n = entry.n
        self.provider = entry.provider
        self.report = ProviderReport(parts, self._job, entry)
        self._lines = 0
        self._left: dict[str, Any] | None = None
        self._driver = parts.driver(self.provider)
        #: Whether the driver was called: before that, what goes wrong is not the provider's.
        self._asked = False
        seconds, left = self._driver.spec.timeout_seconds, _until_deadline(job, self._store.now())
        self._ends_with_job = left is not None and left <= seconds
        self.control = Control(seconds if left is None else min(seconds, left))

    def cancel(self, reason: str) -> None:
        """End it from outside."""
        self.control.cancel(reason)

    def close(self) -> None:
        """Nothing: an attempt alone has ended when :meth:`run` returns."""

    def tick(self) -> bool:
        """End it if its time is over; called often. The driver may sit in a read: only this reaches it there.

        Answers whether it was told to end, now or before.
        """
        if self.control.remaining() == 0.0:
            self.control.cancel(OVERDUE)
        return self.control.canceled

    def run(self) -> End:
        """Run to the end.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        counted = "given_up"
        try:
            end = self._end()
            counted = outcome.name_of(end)
            return end
        finally:
            self.report.ended(counted)

    def _end(self) -> End:
        with logs.hiding():
            try:
                with foreign(unless=(JobError, NoThread, *mapping.EXPECTED)):
                    return self._drive()
            except NoThread as error:
                log.warning("the attempt is handed back: %s", error, extra={"provider": self.provider})
                return Stopped(self.control.reason or NO_THREAD)
            except (*mapping.EXPECTED, ForeignError) as error:
                if self.control.canceled and self.control.reason != OVERDUE:
                    # The driver's socket was shut under it, so its error means nothing.
                    return Stopped(self.control.reason)
                return self._failure(error)

    def _drive(self) -> Finished:
        self.control.check()
        request = self._parts.requests.build(self._job, self._driver.spec.model(self._job.model), self.control)
        self._asked = True
        self.report.asks()
        with _closing(self._driver.run(request, self._resume(request), self.control)) as happenings:
            for event in happenings:
                if isinstance(event, Completed):
                    return self._complete(event)
                self._take(event)
        raise BadOutput("the provider ended without a result")

    # -- what an earlier attempt left --------------------------------------------

    def _resume(self, request: ProviderRequest) -> Mapping[str, Any] | None:
        """What the last attempt on this provider left; what attempts left on others is ended there."""
        if self._is_hedge:
            return None  # the attempt beside it has seen to that
        left = self._writer.left()
        for provider, state in left.items():
            if provider != self.provider:
                # The provider may be gone from the configuration; this job goes on here in any case.
                with survive(log, "what an earlier attempt left could not be ended", provider=provider):
                    self._parts.driver(provider).abandon(state, request)
                self._writer.forget(provider, state)
        if self.provider in left:
            self._left = dict(left[self.provider])
        return self._left

    def _note(self, begun: Mapping[str, Any] | None) -> None:
        """Once: tell the ledger what became of the earlier attempt's submission."""
        if self._left is not None:
            left, self._left = self._left, None
            note = mapping.note_of(left, begun)
            self._writer.write(events.Noted(at=self._store.now(), note=note, attempt=self.n))

    # -- while it runs -----------------------------------------------------------

    def _take(self, event: ProviderEvent) -> None:
        """Write down one event of the driver."""
        match event:
            case Checkpoint(state, at_once):
                self._note(state)
                # It may hold what the upstream sent, word by word.
                self._writer.checkpoint(self.provider, logs.redacted(dict(state)), at_once=at_once)
                failpoint("after_checkpoint", self.provider, str(state.get("phase")))
                return
            case Preview():
                self._works()
                self._preview(event)
            case Partial():
                self._partial(event)
            case StatusText():
                self._line(event)
            case _:
                self._progress(event)
        self._writer.settle()

    def _works(self) -> None:
        if (proof := self.report.proof()) is not None:
            self._writer.proven(proof)

    def _progress(self, event: ProviderEvent) -> None:
        if isinstance(event, Progress) and (event.fraction or event.step):
            self._works()
        mapped = mapping.event_of(event, self._store.now())
        if isinstance(mapped, events.Progressed):
            self.report.generates()
        if mapped is not None:
            self._writer.progress(self.n, mapped)

    def _partial(self, event: Partial) -> None:
        self._works()
        self.report.generates()
        if self._writer.wants_partial(self.n):
            self._writer.partial(mapping.text(event.text, PARTIAL_LIMIT))

    def _line(self, event: StatusText) -> None:
        self._lines += 1
        mapped = mapping.event_of(event, self._store.now())
        if mapped is not None and self._lines <= LINES_LIMIT:
            self._writer.write(mapped)

    def _preview(self, event: Preview) -> None:
        """Keep a preview. Best effort: a bad one is no reason to fail the job."""
        if not self._writer.wants_preview(self.n):
            return
        try:
            with foreign(unless=(BadOutput, ProviderError)):
                image = preview_of(event.image)
        except (BadOutput, ProviderError, ForeignError) as error:
            self.control.check()
            log.info("a preview was left out: %s", error)
            return
        self._writer.preview(image)

    # -- at its end --------------------------------------------------------------

    def _complete(self, event: Completed) -> Finished:
        self._works()
        self._note(None)
        with self._finishing(self):
            downloading = events.Progressed(at=self._store.now(), stage="downloading", fraction=1.0)
            self._writer.progress(self.n, downloading, at_once=True)
            self._writer.settle()
            revision = self.report.known().revision
            end = ingest(self._job, event, self._driver.spec, revision, self._parts, self._line)
            failpoint("artifact_stored", self.provider)
            self.control.check()
        self.report.succeeded()
        return end

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, ForeignError):
            what = "a driver failed" if self._asked else "the job could not be prepared"
            log.error("%s in an unforeseen way", what, exc_info=error.__cause__, extra={"provider": self.provider})
        left = _until_deadline(self._job, self._store.now())
        failure = mapping.judge(
            error,
            self._job,
            self.provider,
            asked=self._asked,
            overdue=self.control.reason == OVERDUE,
            # The two clocks differ by a little.
            expired=left == 0.0 or (self._ends_with_job and self.control.remaining() == 0.0),
        )
        if self._asked:
            self.report.failed(failure)
        return failure


def _until_deadline(job: Job, now: float) -> float | None:
    """Seconds that are left until the job's own deadline; None: it has none."""
    return None if job.deadline_at is None else max(0.0, job.deadline_at - now)


@contextmanager
def _closing(happenings: Iterator[ProviderEvent]) -> Iterator[Iterator[ProviderEvent]]:
    """Close a driver's generator at the end of the block, so that it cleans up at its upstream now."""
    try:
        yield happenings
    finally:
        # What counts is how the block ended, perhaps with a result.
        with survive(log, "a driver failed to clean up"):
            getattr(happenings, "close", lambda: None)()
