"""One attempt: run a job on one provider, write what the driver says, store what it made.

A job has one attempt at a time; while it is hedged, two (:mod:`worker.attempts.race`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

import logs
from jobs import events, model
from jobs.errors import JobError
from jobs.failpoints import failpoint
from jobs.files.images import BadImage, shrink
from jobs.model import Failure, Job, Output, Recipe
from providers import (
    Checkpoint,
    Completed,
    Control,
    Driver,
    Preview,
    Progress,
    ProviderError,
    ProviderEvent,
    ProviderRequest,
    clean,
)
from providers import Status as StatusText
from resilience import ForeignError, foreign, survive
from worker.attempts import failures, mapping
from worker.attempts.event_writer import EventWriter
from worker.attempts.failures import BadOutput
from worker.attempts.ingest import ingest
from worker.attempts.parts import Parts
from worker.attempts.provider_report import ProviderReport
from worker.attempts.reasons import OVERDUE
from worker.attempts.recipe import recipe_of

log = logging.getLogger(__name__)

#: Longest side in pixels and largest size in bytes of a preview that is kept.
PREVIEW_SIDE: Final = 512
PREVIEW_BYTES: Final = 64 << 10
#: Largest preview that is fetched from an upstream, in bytes.
PREVIEW_FETCH_LIMIT: Final = 8 << 20
#: Most lines of text that one attempt may add to the log.
LINES_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Finished:
    """What an attempt made: its outputs, stored, and how they were made. ``attempt`` is its number, where two ran."""

    outputs: tuple[Output, ...]
    recipe: Recipe
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt was ended from outside, for this reason."""

    reason: str


class Attempt:
    """One run of one job on one provider. One thread runs it; any other may end it through :attr:`control`.

    Args:
        parts: What it works with.
        job: The job as it was claimed.
        entry: The attempt's entry in the job's ledger.
        writer: Writes what happens.
        finishing: The block in which the attempt stores its result; raises where the attempt must not.
    """

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
        self._report = ProviderReport(parts, self._job, entry)
        self._lines = 0
        self._left: dict[str, Any] | None = None
        self._began_at = time.monotonic()
        self._generating_at: float | None = None
        self._driver = parts.driver(self.provider)
        self.control = Control(_budget(self._driver, self._job, self._store.now()))

    def tick(self) -> None:
        """End it if its time is over; called often. The driver may sit in a read: only this reaches it there."""
        if self.control.remaining() == 0.0:
            self.control.cancel(OVERDUE)

    def run(self) -> Finished | Failure | Stopped:
        """Run to the end.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        outcome = "given_up"
        try:
            end = self._end()
            outcome = _outcome(end)
            return end
        finally:
            self._report.ended(outcome, time.monotonic() - self._began_at)

    def _end(self) -> Finished | Failure | Stopped:
        with logs.hiding():
            try:
                with foreign(unless=(JobError, *failures.EXPECTED)):
                    return self._drive()
            except (*failures.EXPECTED, ForeignError) as error:
                if self.control.canceled and self.control.reason != OVERDUE:
                    # The driver's socket was shut under it, so its error means nothing.
                    return Stopped(self.control.reason)
                return self._failure(error)

    def outrun(self) -> None:
        """Another attempt was faster: measure how long this one took so far."""
        self._report.outrun(*self._times())

    def _times(self) -> tuple[float, float]:
        """Seconds of waiting and of running until now."""
        generating = self._generating_at or self._began_at
        return generating - self._began_at, time.monotonic() - generating

    def _drive(self) -> Finished:
        self.control.check()
        request = self._parts.requests.build(self._job, self._driver.spec.model(self._job.model), self.control)
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
            case Checkpoint(state):
                self._note(state)
                # It may hold what the upstream sent, word by word.
                self._writer.checkpoint(self.provider, logs.redacted(dict(state)))
                failpoint("after_checkpoint", self.provider, str(state.get("phase")))
            case Preview():
                self._report.works()
                self._preview(event)
            case StatusText():
                self._line(event)
            case _:
                self._progress(event)

    def _progress(self, event: ProviderEvent) -> None:
        if isinstance(event, Progress) and (event.fraction or event.step):
            self._report.works()
        mapped = mapping.event_of(event, self._store.now())
        if isinstance(mapped, events.Progressed) and self._generating_at is None:
            self._generating_at = time.monotonic()
        if mapped is not None:
            self._writer.progress(self.n, mapped)

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
            image = shrink(event.image.read(PREVIEW_FETCH_LIMIT), PREVIEW_SIDE, PREVIEW_BYTES)
        except (BadImage, ProviderError) as error:
            self.control.check()
            log.info("a preview was left out: %s", error)
            return
        self._writer.preview(image)

    # -- at its end --------------------------------------------------------------

    def _complete(self, event: Completed) -> Finished:
        self._report.works()
        self._note(None)
        with self._finishing(self):
            downloading = events.Progressed(at=self._store.now(), stage="downloading", fraction=1.0)
            self._writer.progress(self.n, downloading, at_once=True)
            seed = clean.count(event.seed, mapping.SEED_LIMIT)
            recipe = recipe_of(self._job, self._driver.spec, seed, self._report.revision())
            outputs = ingest(self._job, event.outputs, seed, recipe, self._parts)
            failpoint("artifact_stored", self.provider)
            self.control.check()
        self._report.succeeded(*self._times())
        return Finished(outputs, recipe)

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, ForeignError):
            log.error(
                "a driver failed in an unforeseen way", exc_info=error.__cause__, extra={"provider": self.provider}
            )
        overdue = self.control.reason == OVERDUE
        failure, by_provider = failures.judge(
            error, self._job, self.provider, overdue=overdue, now=self._store.now()
        )  # fmt: skip
        if by_provider:
            self._report.failed(failure)
        return failure


def _budget(driver: Driver, job: Job, now: float) -> float:
    """Seconds for an attempt: the provider's, or what is left until the job's own deadline."""
    seconds = driver.spec.timeout_seconds
    return seconds if job.deadline_at is None else min(seconds, max(0.0, job.deadline_at - now))


def _outcome(end: Finished | Failure | Stopped) -> str:
    """How an end is counted."""
    match end:
        case Failure(code=code):
            return code
        case Stopped(reason=reason):
            return reason
        case _:
            return "succeeded"


@contextmanager
def _closing(happenings: Iterator[ProviderEvent]) -> Iterator[Iterator[ProviderEvent]]:
    """Close a driver's generator at the end of the block, so that it cleans up at its upstream now."""
    try:
        yield happenings
    finally:
        # What counts is how the block ended, perhaps with a result.
        with survive(log, "a driver failed to clean up"):
            getattr(happenings, "close", lambda: None)()
