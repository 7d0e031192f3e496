"""The scheduler process: ``python -m worker.scheduler``. Several may run at once."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from functools import partial
from types import FrameType
from typing import Final

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.files.uploads import Uploads
from providers.catalog import Catalog
from resilience import Rounds, survive
from settings import Settings, SettingsError
from worker import shared
from worker.scheduler.janitor import Janitor
from worker.scheduler.memory_watch import MemoryWatch
from worker.scheduler.prober import Prober
from worker.scheduler.reconciler import Reconciler
from worker.scheduler.webhook_client import WebhookClient
from worker.scheduler.webhook_sender import WebhookSender
from worker.shared import Shared

log = logging.getLogger("worker.scheduler")

#: Seconds between two rounds of repair.
REPAIR_SECONDS: Final = 1.0


def main() -> None:
    """Repair once a second until SIGTERM or SIGINT; probe, deliver and clean up in threads beside it."""
    settings = shared.start("scheduler")
    try:
        built = shared.build(settings, initialise=True)
    except SettingsError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    repair, *others = all_rounds(built, settings, stopped)
    for rounds in others:
        rounds.start()
    log.info("scheduler ready")
    repair.run()


def all_rounds(built: Shared, settings: Settings, stopped: threading.Event) -> tuple[Rounds, ...]:
    """All that a scheduler does again and again: first the repair, then what is done in threads beside it."""
    announcer, memory = _Announcer(built), MemoryWatch(built.connection.memory)
    reconciler = Reconciler(built, Uploads(built.connection, built.artifacts, settings.file_bytes))

    def repair() -> None:
        announcer.round()
        reconciler.round()
        with survive(log, "Redis' memory is not known now", expected=(StoreUnavailable,), level=logging.DEBUG):
            memory.round()
        stopped.wait(REPAIR_SECONDS)

    count = partial(built.counters.add, metrics.THREAD_ERRORS)
    return (
        Rounds(log, "reconciler", repair, stopped, what="nothing can be repaired now", count=count),
        # The announcer tells the database of a change.
        built.live.rounds(stopped, lambda: None, count),
        Prober(built).rounds(stopped),
        Janitor(built).rounds(stopped, settings.sweep_seconds),
        WebhookSender(built, WebhookClient(built.dialer)).rounds(stopped),
    )


class _Announcer:
    """Names the providers to each database that has not heard them from this process, and again after a change."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._announced: tuple[str, Catalog] | None = None

    def round(self) -> None:
        with survive(log, "the providers are not announced now", expected=(StoreUnavailable,), level=logging.DEBUG):
            now = self._shared.identity.check(), self._shared.catalog
            if self._announced is None or now[0] != self._announced[0] or now[1] is not self._announced[1]:
                self._shared.announce()
                self._shared.dispatcher.dispatch()
            self._announced = now


if __name__ == "__main__":
    main()
