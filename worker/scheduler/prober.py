"""Looks at each provider in use, about once a minute: does it answer, and is it still what its driver knows?"""

from __future__ import annotations

import logging
import random

import logs
from jobs import metrics
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from providers.base import Control, Probe
from providers.catalog import Catalog
from providers.errors import ProviderError, Waking
from worker.attempts.mapping import failure_of, text
from worker.scheduler.timings import Timings

log = logging.getLogger(__name__)


class Prober:
    """Probes the providers in use; safe to run in several processes.

    Args:
        connection: To Redis.
        catalog: The providers.
        counters: Counts the probes.
        timings: When which provider is probed.
    """

    def __init__(self, connection: Connection, catalog: Catalog, counters: Counters, timings: Timings) -> None:
        self._connection = connection
        self._catalog = catalog
        self._counters = counters
        self._timings = timings
        self._health = HealthStore(connection)

    def round(self) -> int:
        """Probe what is due; answers how many.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        names = [spec.name for spec in self._catalog.specs() if spec.enabled]
        newest = self._connection.now() - self._timings.probe_in_use
        due = [
            name
            for name, record in self._health.get(names).items()
            if record.last_used_at is not None and record.last_used_at > newest and self._take(name)
        ]
        for name in due:
            # What a driver uses to get in comes up on the way, and the app may send it back.
            with logs.hiding():
                self._counters.add(metrics.PROBES, name, self._probe(name))
        return len(due)

    def _take(self, name: str) -> bool:
        """Whether this process is the one to probe it now."""
        seconds = self._timings.probe * (1 + random.random() / 4)  # noqa: S311 - only spreads the probes
        with available():
            return bool(self._connection.redis.set(keys.probed(name), b"1", nx=True, px=round(seconds * 1000)))

    def _probe(self, name: str) -> str:
        """Probe a provider, and record what was seen; answers how the probe is counted."""
        try:
            found = self._catalog.driver(name).probe(Control(self._timings.probe_timeout))
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
