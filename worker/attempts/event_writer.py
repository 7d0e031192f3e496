"""Writes what happens to a running job into its record: in order, throttled, and only while its lease holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from jobs import events, metrics
from jobs.record.types import Decision, Lease, Record
from worker.attempts.parts import Parts
from worker.attempts.throttle import Throttle

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


class EventWriter:
    """Writes under one lease, from any thread. Each write carries the lease's fence.

    Where two attempts run, the record shows progress and previews of the one that is further.

    Args:
        parts: The records, and how often progress and previews are written.
        lease: The right to write.
    """

    def __init__(self, parts: Parts, lease: Lease) -> None:
        self._store = parts.store
        self._leases = parts.leases
        self._counters = parts.counters
        self._job_id = lease.job.id
        self._fence = lease.fence
        self._lock = threading.Lock()
        self._throttle = Throttle(parts.timings.progress)
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
            if attempt != self._shown and event is not None:
                self._newest[attempt] = event
                self._offer(event)
            self._shown = attempt

    def wants_preview(self, attempt: int) -> bool:
        """Whether a preview of this attempt would be kept now."""
        return attempt == self._shown and time.monotonic() - self._preview_at >= self._preview_seconds

    def preview(self, image: bytes) -> None:
        """Keep a preview."""
        with self._lock:
            self._preview_at = time.monotonic()
            self._leases.save_preview(self._job_id, self._fence, self._previews, image)
            self._put(events.Previewed(at=self._store.now(), index=self._previews))
            self._previews += 1

    def write(self, event: events.JobEvent) -> Record:
        """Append an event, after the progress that was held back."""
        with self._lock:
            return self._put(event)

    def end(self, decide: Decision) -> Record:
        """Write the event that ends the run; progress that was held back is dropped."""
        with self._lock:
            return self._store.change(self._job_id, decide, fence=self._fence)

    # -- checkpoints -----------------------------------------------------------

    def left(self) -> dict[str, Mapping[str, Any]]:
        """What attempts left at their upstreams, by provider."""
        with self._lock:
            return dict(self._states)

    def checkpoint(self, provider: str, state: Mapping[str, Any]) -> None:
        """Store what the next attempt must know, should this worker die."""
        with self._lock:
            self._states[provider] = state
            self._leases.save_checkpoints(self._job_id, self._fence, self._states)

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

    def _put(self, event: events.JobEvent) -> Record:
        held = self._throttle.flush()
        if held is not None:
            self._append(held)
        return self._append(event)

    def _append(self, event: events.JobEvent) -> Record:
        record = self._store.change(self._job_id, lambda _: event, fence=self._fence)
        self._counters.add(metrics.EVENTS, str(event.__struct_config__.tag))
        return record
