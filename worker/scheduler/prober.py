"""A look at each provider in use, about once a minute: is it there, and is it still what its driver knows?"""

from __future__ import annotations

import logging
import random
import threading
from typing import Final

import logs
from jobs.errors import StoreUnavailable
from jobs.model import Failure
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.scheduling import health
from jobs.scheduling.health_store import HealthStore
from providers.base import Control, Driver, Probe
from providers.catalog import Catalog
from providers.errors import ProviderError, Waking
from worker.attempts.mapping import failure_of, text

log = logging.getLogger(__name__)

#: Seconds between two probes of a provider; up to a quarter is added, so that they do not all come at once.
PROBE_SECONDS: Final = 60.0
#: A provider is in use for so many seconds after its last attempt.
IN_USE_SECONDS: Final = 3600.0
#: Seconds that one probe may take.
TIMEOUT_SECONDS: Final = 15.0
#: Seconds between two looks for providers that are to be probed.
ROUND_SECONDS: Final = 5.0


class Prober:
    """Probes the providers in use; safe to run in several processes.

    Args:
        connection: To Redis.
        catalog: The providers.
    """

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._health = HealthStore(connection)

    def run(self, stopped: threading.Event) -> None:
        """Probe until ``stopped``."""
        while not stopped.wait(ROUND_SECONDS):
            try:
                self.round()
            except StoreUnavailable as error:
                log.debug("no probes now: %s", error)

    def round(self) -> int:
        """Probe what is due; answers how many.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        names = [spec.name for spec in self._catalog.specs() if spec.enabled]
        now = self._connection.now()
        due = [
            name
            for name, record in self._health.get(names).items()
            if record.last_used_at is not None and now - record.last_used_at < IN_USE_SECONDS and self._take(name)
        ]
        for name in due:
            self._probe(name)
        return len(due)

    def _take(self, name: str) -> bool:
        """Whether this process is the one to probe it now."""
        seconds = PROBE_SECONDS * (1 + random.random() / 4)  # noqa: S311 - only spreads the probes
        with available():
            return bool(self._connection.redis.set(keys.probed(name), b"1", nx=True, px=round(seconds * 1000)))

    def _probe(self, name: str) -> None:
        # What a driver uses to get in comes up on the way, and the app may send it back.
        with logs.hiding():
            self._look(name)

    def _look(self, name: str) -> None:
        try:
            found = look(self._catalog.driver(name))
        except ProviderError as error:
            failure: Failure = failure_of(error, name)
            log.info("a probe failed: %s", failure.detail, extra={"provider": name, "code": failure.code})
            # A Space that sleeps is not ill: its next job wakes it.
            if not isinstance(error, Waking):
                self._health.update(name, lambda record, at: health.unanswered(record, failure, at))
            return
        if found is None:
            return
        # In it are names that the app gives.
        change = None if found.change is None else text(found.change)
        record = self._health.update(
            name, lambda record, at: health.probed(record, found.signature, change, at, found.revision)
        )
        if record.signature_change is not None:
            log.warning("the provider has changed: %s", record.signature_change, extra={"provider": name})


def look(driver: Driver) -> Probe | None:
    """One probe.

    Raises:
        ProviderError: The upstream did not answer.
    """
    return driver.probe(Control(TIMEOUT_SECONDS))
