"""Writes what happens to a running job into its record: in order, not too often, and only while its lease holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from jobs import events
from jobs.record.store import JobStore
from jobs.record.types import Decision, Lease, Record
from worker.attempts.throttle import Throttle

#: A preview is stored at most so often, in seconds.
PREVIEW_SECONDS: Final = 0.4

#: How far a stage is behind the start.
_STAGES: Final = {"waiting_upstream": 1, "generating": 2, "downloading": 3, "saving": 4}


def standing(event: events.JobEvent | None) -> tuple[int, float]:
    """How far an attempt is whose newest news this is; larger is further."""
    match event:
        case events.Progressed():
            return _STAGES[event.stage], event.fraction or 0.0
        case events.UpstreamQueued():
            return _STAGES["waiting_upstream"], 0.0
        case _:
            return 0, 0.0


class EventWriter:
    """Writes under one lease, from any thread. Each write carries the lease's fence.

    Where two attempts run, the record shows progress and previews of the one
    that is further.

    Args:
        store: The records.
        lease: The right to write.
    """

    def __init__(self, store: JobStore, lease: Lease) -> None:
        self._store = store
        self._job_id = lease.job.id
        self._fence = lease.fence
        self._lock = threading.Lock()
        self._coalescer = Throttle()
        self._shown = lease.job.attempts[-1].n
        self._news: dict[int, events.JobEvent] = {}
        self._preview_at = -PREVIEW_SECONDS
        self._previews = 0 if lease.job.preview is None else lease.job.preview.index + 1
        self._states: dict[str, Mapping[str, Any]] = dict(lease.checkpoints)

    def tick(self) -> None:
        """Write progress that was held back, once its time has come; called often.

        Raises:
            JobError: It could not be written.
        """
        if not self._lock.acquire(blocking=False):
            return  # it is just being written to
        try:
            event = self._coalescer.due()
            if event is not None:
                self._append(event)
        finally:
            self._lock.release()

    def progress(self, attempt: int, event: events.JobEvent, *, at_once: bool = False) -> None:
        """Tell how far an attempt is; coalesced, but for what must be seen at once."""
        with self._lock:
            self._news[attempt] = event
            if standing(event) > standing(self._news.get(self._shown)):
                self._shown = attempt
            if attempt == self._shown:
                (self._put if at_once else self._offer)(event)

    def follow(self, attempt: int) -> None:
        """Show this attempt from now on: the other one has ended."""
        with self._lock:
            event = self._news.get(attempt)
            self._news = {}
            if attempt != self._shown and event is not None:
                self._news[attempt] = event
                self._offer(event)
            self._shown = attempt

    def wants_preview(self, attempt: int) -> bool:
        """Whether a preview of this attempt would be kept now."""
        return attempt == self._shown and time.monotonic() - self._preview_at >= PREVIEW_SECONDS

    def preview(self, picture: bytes) -> None:
        """Keep a preview."""
        with self._lock:
            self._preview_at = time.monotonic()
            self._store.save_preview(self._job_id, self._fence, self._previews, picture)
            self._put(events.Previewed(at=self._store.now(), index=self._previews))
            self._previews += 1

    def write(self, event: events.JobEvent) -> Record:
        """Append an event after whatever was held back before it."""
        with self._lock:
            return self._put(event)

    def end(self, decide: Decision) -> Record:
        """Write the event that ends all; what was held back does not matter any more."""
        with self._lock:
            return self._store.change(self._job_id, decide, fence=self._fence)

    # -- checkpoints -----------------------------------------------------------

    def left(self) -> dict[str, Mapping[str, Any]]:
        """What attempts left, by provider."""
        with self._lock:
            return dict(self._states)

    def checkpoint(self, provider: str, state: Mapping[str, Any]) -> None:
        """Store what the next attempt must know, should this be the last thing we do."""
        with self._lock:
            self._states[provider] = state
            self._store.save_checkpoints(self._job_id, self._fence, self._states)

    def forget(self, provider: str, state: Mapping[str, Any]) -> None:
        """What was left there has been cleaned up; it goes with the next checkpoint."""
        with self._lock:
            # An attempt that runs there now may have left something else already.
            if self._states.get(provider) is state:
                del self._states[provider]

    # -- with the lock held ------------------------------------------------------

    def _offer(self, event: events.JobEvent) -> None:
        passed = self._coalescer.offer(event)
        if passed is not None:
            self._append(passed)

    def _put(self, event: events.JobEvent) -> Record:
        held = self._coalescer.flush()
        if held is not None:
            self._append(held)
        return self._append(event)

    def _append(self, event: events.JobEvent) -> Record:
        return self._store.change(self._job_id, lambda _: event, fence=self._fence)
