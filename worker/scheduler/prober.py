"""Looks at each provider in use, about once a minute: does it answer, and is it still what its driver knows?"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterable
from concurrent.futures import Future, wait
from functools import partial
from typing import Final

import logs
from jobs import metrics
from jobs.errors import Contended, StoreUnavailable
from jobs.record import keys
from jobs.record.outages import available
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from providers import Control, Probe, ProviderError, Waking
from resilience import Rounds, aside, survive
from worker.attempts.mapping import failure_of, text
from worker.shared import Shared

log = logging.getLogger(__name__)

#: Seconds between two probes of a provider; up to a quarter is added, so that they do not all come at once.
PROBE_SECONDS: Final = 60.0
#: Seconds for which a provider is probed after its last attempt.
IN_USE_SECONDS: Final = 3600.0
#: Seconds for one probe; and those after which a driver that does not keep to them is left to itself.
TIMEOUT_SECONDS: Final = 15.0
STUCK_SECONDS: Final = 20.0
#: Seconds between two looks for providers that are due.
LOOK_SECONDS: Final = 5.0
#: How a probe is counted that its driver did not end as a driver does.
_BROKEN: Final = "internal"


class Prober:
    """Probes the providers in use; safe to run in several processes.

    Each probe has a thread of its own: a driver that hangs, or ends a thread, costs its provider's probe and no other.

    Args:
        shared: The record and the providers.
        stuck: See :data:`STUCK_SECONDS`.
    """

    def __init__(self, shared: Shared, stuck: float = STUCK_SECONDS) -> None:
        self._connection = shared.connection
        self._shared = shared
        self._counters = shared.counters
        self._health = HealthStore(shared.connection)
        self._stuck = stuck
        self._under_way: dict[str, Future[str]] = {}

    def rounds(self, stopped: threading.Event, seconds: float = LOOK_SECONDS) -> Rounds:
        """A round after each pause of ``seconds``."""
        return Rounds(
            log,
            "prober",
            self.round,
            stopped,
            what="no probes now",
            seconds=seconds,
            expected=(StoreUnavailable,),
            count=self._count_error,
        )

    def _count_error(self, thread: str = "prober") -> None:
        self._counters.add(metrics.THREAD_ERRORS, thread)

    def round(self) -> int:
        """Probe what is due; answers how many.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        names = [spec.name for spec in self._shared.catalog.specs() if spec.enabled]
        newest = self._connection.now() - IN_USE_SECONDS
        self._under_way = {name: probe for name, probe in self._under_way.items() if not probe.done()}
        due = [name for name in names if name not in self._under_way and self._is_due(name, newest)]
        for name in due:
            self._under_way[name] = aside(f"probe-{name}", partial(self._probe, name))
        wait([self._under_way[name] for name in due], self._stuck)
        self._count(due)
        return len(due)

    def _is_due(self, name: str, newest: float) -> bool:
        """Whether this process is to probe the provider now."""
        with survive(
            log,
            "the provider's record cannot be read",
            unless=(StoreUnavailable, MemoryError),
            count=self._count_error,
            provider=name,
        ):
            used = self._health.get([name])[name].last_used_at
            return used is not None and used > newest and self._take(name)
        return False

    def _count(self, names: Iterable[str]) -> None:
        """Count the probes that have ended, and those that should have."""
        for name in names:
            probe, how = self._under_way[name], _BROKEN
            if not probe.done():
                log.error("the driver does not end its probe, and is left to itself", extra={"provider": name})
            elif (error := probe.exception()) is None:
                how = probe.result()
            elif isinstance(error, StoreUnavailable):
                continue
            elif isinstance(error, Contended):
                log.warning("a probe was not written down: %s", error, extra={"provider": name})
                continue
            else:
                log.error("the driver cannot probe its provider", exc_info=error, extra={"provider": name})
            self._counters.add(metrics.PROBES, name, how)
            if how == _BROKEN:
                self._count_error()

    def _take(self, name: str) -> bool:
        """Whether this process is the one to probe it now."""
        seconds = PROBE_SECONDS * (1 + random.random() / 4)  # noqa: S311 - only spreads the probes
        with available():
            return bool(self._connection.redis.set(keys.probed(name), b"1", nx=True, px=round(seconds * 1000)))

    def _probe(self, name: str) -> str:
        """Probe a provider, and record what was seen; answers how the probe is counted."""
        # What a driver uses to get in comes up on the way, and the app may send it back.
        with logs.hiding():
            try:
                found = self._shared.catalog.driver(name).probe(Control(TIMEOUT_SECONDS))
            except ProviderError as error:
                return self._unanswered(name, error)
            return "ok" if found is None else self._answered(name, found)

    def _unanswered(self, name: str, error: ProviderError) -> str:
        failure = failure_of(error, name)
        log.info("a probe failed: %s", failure.detail, extra={"provider": name, "code": failure.code})
        # A Space that sleeps is not ill: its next job wakes it.
        if not isinstance(error, Waking):
            self._health.update(name, lambda record, at: health.unanswered(record, failure, at))
        return failure.code

    def _answered(self, name: str, found: Probe) -> str:
        # In it are names that the app gives.
        change = None if found.change is None else text(found.change)
        record = self._health.update(
            name, lambda record, at: health.probed(record, found.signature, change, at, found.revision)
        )
        if record.signature_change is None:
            return "ok"
        log.warning("the provider has changed: %s", record.signature_change, extra={"provider": name})
        return "changed"
