"""Writes what happens to a running job into its record: in order, throttled, and only while its lease holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from jobs import events, metrics
from jobs.errors import StoreUnavailable
from jobs.record.commit import NOTHING, Beside
from jobs.record.leases import encoded
from jobs.record.types import Decision, Lease, Proof, Record
from worker.attempts.partial_text import PartialText
from worker.attempts.parts import Parts

#: The order of the stages.
_STAGES: Final = {"waiting_upstream": 1, "generating": 2, "downloading": 3, "saving": 4}


def how_far(event: events.JobEvent | None) -> tuple[int, float]:
    """How far an attempt has come by its newest event; larger is further."""
    match event:
        case events.Progressed():
            return _STAGES[event.stage], event.fraction or 0.0
        case events.UpstreamQueued():
            return _STAGES["waiting_upstream"], 0.0
        case _:
            return 0, 0.0


class Throttle:
    """Lets only a few of many progress events through; the newest is never lost, only late. Pure but for its clock.

    Args:
        interval: Seconds between two events that pass.
        place: Seconds before a place in the upstream's queue passes. In a busy queue it changes with each job that leaves.
        clock: Monotonic seconds.
    """

    def __init__(self, interval: float, place: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._place = place
        self._clock = clock
        self._passed_at = -max(interval, place)
        self._held: events.JobEvent | None = None

    def offer(self, event: events.JobEvent) -> events.JobEvent | None:
        """The event itself where it may be written now; else None, and it is held."""
        if self._is_early(event):
            self._held = event
            return None
        return self._pass(event)

    def due(self) -> events.JobEvent | None:
        """The held event, once it may be written."""
        if self._held is None or self._is_early(self._held):
            return None
        return self._pass(self._held)

    def flush(self) -> events.JobEvent | None:
        """The held event at once: another event comes that must stand after it."""
        return None if self._held is None else self._pass(self._held)

    def _is_early(self, event: events.JobEvent) -> bool:
        pause = self._place if isinstance(event, events.UpstreamQueued) else self._interval
        return self._clock() - self._passed_at < pause

    def _pass(self, event: events.JobEvent) -> events.JobEvent:
        self._held = None
        self._passed_at = self._clock()
        return event


class EventWriter:
    """Writes under one lease, from any thread. Each write carries the lease's fence.

    Where two attempts run, the record shows progress and previews of the one that is further.

    Two things may ride on the next write: that a provider works, and a checkpoint that its driver says may wait. All
    others are stored at once: what a crash needs must be there before the step that it is for.
    """

    def __init__(self, parts: Parts, lease: Lease) -> None:
        self._store = parts.store
        self._leases = parts.leases
        self._providers = parts.providers
        self._counters = parts.counters
        self._job_id = lease.job.id
        self._fence = lease.fence
        #: As it was written last. commit.lua notices if someone else has changed it since.
        self._record = lease.record
        self._beside = NOTHING
        self._lock = threading.Lock()
        self._throttle = Throttle(parts.timings.progress, parts.timings.place)
        self._partial = PartialText(parts.timings.partial)
        self._shown = lease.job.attempts[-1].n
        self._newest: dict[int, events.JobEvent] = {}
        self._preview_seconds = parts.timings.preview
        self._preview_at = -parts.timings.preview
        self._previews = 0 if lease.job.preview is None else lease.job.preview.index + 1
        self._states: dict[str, Mapping[str, Any]] = dict(lease.checkpoints)

    def tick(self) -> None:
        """Write progress that was held back, once it is due; called often.

        Raises:
            JobError: It could not be written.
        """
        if not self._lock.acquire(blocking=False):
            return  # it is being written to now
        try:
            event = self._throttle.due()
            if event is not None:
                self._append(event)
            self._write_partial()
            self._settle()
        finally:
            self._lock.release()

    def progress(self, attempt: int, event: events.JobEvent, *, at_once: bool = False) -> None:
        """Write how far an attempt is: throttled, unless ``at_once``."""
        with self._lock:
            self._newest[attempt] = event
            if how_far(event) > how_far(self._newest.get(self._shown)):
                self._shown = attempt
            if attempt == self._shown:
                (self._put if at_once else self._offer)(event)

    def follow(self, attempt: int) -> None:
        """Show this attempt from now on: the other has ended."""
        with self._lock:
            event = self._newest.get(attempt)
            self._newest = {}
            self._partial.forget()
            if attempt != self._shown and event is not None:
                self._newest[attempt] = event
                self._offer(event)
            self._shown = attempt

    def wants_partial(self, attempt: int) -> bool:
        """Whether the text so far of this attempt would be taken now."""
        return attempt == self._shown and self._partial.wants()

    def partial(self, text: str) -> None:
        """Write the text so far of the shown attempt: throttled, the newest in any case."""
        with self._lock:
            self._partial.offer(text)
            self._write_partial()

    def wants_preview(self, attempt: int) -> bool:
        """Whether a preview of this attempt would be kept now."""
        return attempt == self._shown and time.monotonic() - self._preview_at >= self._preview_seconds

    def preview(self, image: bytes) -> None:
        """Keep a preview, if there is room for it."""
        with self._lock:
            self._preview_at = time.monotonic()
            if not self._leases.save_preview(self._job_id, self._fence, self._previews, image):
                return
            self._put(events.Previewed(at=self._store.now(), index=self._previews))
            self._previews += 1

    def write(self, event: events.JobEvent) -> Record:
        """Append an event, after the progress that was held back."""
        with self._lock:
            return self._put(event)

    def end(self, decide: Decision) -> Record:
        """Write the event that ends the run; progress that was held back is dropped."""
        with self._lock:
            return self._change(decide)

    # -- what rides on the next write --------------------------------------------

    def proven(self, proof: Proof) -> None:
        """A provider works: let others know."""
        with self._lock:
            self._beside = replace(self._beside, works=proof)

    def settle(self) -> None:
        """Write what waits for a write and got none.

        Raises:
            JobError: A checkpoint could not be written.
        """
        if self._beside is not NOTHING:
            with self._lock:
                self._settle()

    # -- checkpoints -----------------------------------------------------------

    def left(self) -> dict[str, Mapping[str, Any]]:
        """What attempts left at their upstreams, by provider."""
        with self._lock:
            return dict(self._states)

    def checkpoint(self, provider: str, state: Mapping[str, Any], *, at_once: bool) -> None:
        """Store what the next attempt must know, should this worker die; not ``at_once``: with the next write."""
        with self._lock:
            self._states[provider] = state
            # Encoded now: what is wrong with it is its driver's fault.
            self._beside = replace(self._beside, checkpoints=encoded(self._states))
            if at_once:
                self._save()

    def forget(self, provider: str, state: Mapping[str, Any]) -> None:
        """What was left there has been ended; it goes with the next checkpoint."""
        with self._lock:
            # An attempt that runs there now may have left something newer already.
            if self._states.get(provider) is state:
                del self._states[provider]

    # -- with the lock held ------------------------------------------------------

    def _offer(self, event: events.JobEvent) -> None:
        passed = self._throttle.offer(event)
        if passed is not None:
            self._append(passed)

    def _write_partial(self) -> None:
        if (change := self._partial.due()) is not None:
            kept, text = change
            self._put(events.Wrote(at=self._store.now(), text=text, kept=kept))

    def _put(self, event: events.JobEvent) -> Record:
        held = self._throttle.flush()
        if held is not None:
            self._append(held)
        return self._append(event)

    def _append(self, event: events.JobEvent) -> Record:
        record = self._change(lambda _: event)
        self._counters.add(metrics.EVENTS, str(event.__struct_config__.tag))
        return record

    def _change(self, decide: Decision) -> Record:
        self._record = self._store.change(
            self._job_id, decide, fence=self._fence, known=self._record, beside=self._beside
        )
        self._beside = NOTHING
        return self._record

    def _settle(self) -> None:
        self._save()
        if (proof := self._beside.works) is not None:
            # The job is none the worse where it cannot be written.
            with suppress(StoreUnavailable):
                self._providers.works(proof.provider, proof.since, proof.account)
            self._beside = NOTHING

    def _save(self) -> None:
        if self._beside.checkpoints is not None:
            self._leases.save_checkpoints(self._job_id, self._fence, self._states)
            works = self._beside.works
            self._beside = NOTHING if works is None else Beside(works=works)
