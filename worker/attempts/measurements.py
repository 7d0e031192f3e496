"""What the attempts of one process measure of providers, written together once a second.

Good news can wait so long. A failure cannot, since it may keep other jobs from the provider, and neither can the first
success after one, which lets them back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from jobs.errors import Contended, StoreUnavailable
from jobs.scheduling.health import Health
from jobs.scheduling.health_store import HealthStore

log = logging.getLogger(__name__)

#: Seconds between two writes, and for which what was read of a provider is believed.
SECONDS: Final = 1.0
#: Measurements that wait, at most; the next is written at once, and with it all others of its provider.
HELD: Final = 100
#: Measurements that are kept of one provider while Redis cannot serve; then the oldest are dropped.
KEPT: Final = 1000

#: What a measurement makes of a provider's record.
Change = Callable[[Health], Health]


class Measurements:
    """The measurements of one process, of all providers. Safe to use from any thread.

    Args:
        store: Where they are written, on a connection without patience.
        now: The time with which they are stamped, in Unix seconds.
        held: See :data:`HELD`.
    """

    def __init__(self, store: HealthStore, now: Callable[[], float], held: int = HELD) -> None:
        self._store = store
        self._now = now
        self._most = held
        self._lock = threading.Lock()
        self._held: dict[str, list[Change]] = {}
        #: By provider, when it was read or written (monotonic), and what was there.
        self._seen: dict[str, tuple[float, Health]] = {}
        self._reading = threading.Lock()
        #: One writer at a time: the threads of one process need not race each other.
        self._writing = threading.Lock()
        #: When a write failed last (monotonic): meanwhile hundreds of threads would wait for it in turn.
        self._failed_at = -SECONDS

    def known(self, provider: str) -> Health:
        """What was measured of a provider, up to :data:`SECONDS` ago.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        # One reader at a time: the others find what it read.
        with self._reading:
            at, health = self._seen.get(provider, (-SECONDS, Health()))
            if time.monotonic() - at >= SECONDS:
                health = self._store.get([provider])[provider]
                self._seen[provider] = time.monotonic(), health
            return health

    def add(self, provider: str, change: Callable[[Health, float], Health], *, is_good: bool) -> None:
        """Add one measurement: ``change`` gets the record and the time of now.

        What cannot be written now is kept for the next write.
        """
        try:
            at = self._now()
        except StoreUnavailable as error:
            log.warning("not measured: %s", error, extra={"provider": provider})
            return
        with self._lock:
            held = self._held.setdefault(provider, [])
            held.append(lambda health: change(health, at))
            waits = is_good and sum(map(len, self._held.values())) <= self._most
        if not (waits and self._is_well(provider)):
            self._write(provider)

    def flush(self) -> None:
        """Write all that is held."""
        self._failed_at = -SECONDS
        for provider in tuple(self._held):
            self._write(provider)

    def _is_well(self, provider: str) -> bool:
        """Whether nobody waits for good news of the provider, as far as this process knows."""
        _, health = self._seen.get(provider, (0.0, None))
        return health is not None and health.failures_in_row == 0 and not health.subjects and health.open_until is None

    def _write(self, provider: str) -> None:
        with self._writing:
            if time.monotonic() - self._failed_at < SECONDS:
                return
            with self._lock:
                changes = self._held.pop(provider, [])
            if not changes:
                return

            def together(health: Health, _: float) -> Health:
                for change in changes:
                    health = change(health)
                return health

            try:
                health = self._store.update(provider, together)
            except (StoreUnavailable, Contended) as error:
                log.debug("measurements are kept for later: %s", error, extra={"provider": provider})
                self._failed_at = time.monotonic()
                self._keep(provider, changes)
            else:
                self._seen[provider] = time.monotonic(), health

    def _keep(self, provider: str, changes: list[Change]) -> None:
        with self._lock:
            kept = [*changes, *self._held.get(provider, [])]
            self._held[provider] = kept[-KEPT:]
        if len(kept) > KEPT:
            log.warning(
                "measurements are dropped: too many wait", extra={"provider": provider, "dropped": len(kept) - KEPT}
            )
