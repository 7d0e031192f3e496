"""The scheduler process: ``python -m worker.scheduler``. Several may run at once."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import logs
import settings as configuration
from jobs import failpoints
from jobs.errors import StoreUnavailable
from jobs.vault import VaultError
from providers.config import ConfigError
from resilience import survive
from settings import SettingsError
from worker.scheduler import services
from worker.shared import Shared

log = logging.getLogger("worker.scheduler")


def main() -> None:
    """Repair once a second until SIGTERM or SIGINT; probe, deliver and clean up in threads beside it."""
    settings = configuration.load()
    logs.configure(settings.log_format, "scheduler", settings.log_level)
    failpoints.arm(settings.failpoints)
    try:
        built = services.build(settings)
    except (SettingsError, ConfigError, VaultError) as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    timings = built.timings
    beside: dict[str, Callable[[], None]] = {
        "prober": lambda: repeat(built.prober.round, timings.probe_round, stopped, "no probes now"),
        "janitor": lambda: repeat(built.janitor.round, timings.sweep, stopped, "no files are removed now"),
        "deliverer": lambda: built.deliverer.run(stopped),
    }
    for name, run in beside.items():
        threading.Thread(target=run, name=name, daemon=True).start()
    log.info("scheduler ready")
    announced = ""
    while not stopped.is_set():
        announced = _announce(built.shared, announced)
        built.reconciler.round()
        stopped.wait(timings.round)


def repeat(turn: Callable[[], object], seconds: float, stopped: threading.Event, what: str) -> None:
    """Call ``turn`` after each pause of ``seconds`` until ``stopped``; log ``what`` if it fails."""
    while not stopped.wait(seconds):
        with survive(log, what, expected=(StoreUnavailable,), level=logging.DEBUG):
            turn()


def _announce(shared: Shared, announced: str) -> str:
    """Name the providers to a database that has not heard them from this process; the id of the one that has."""
    try:
        identity = shared.identity.check()
        if identity != announced:
            shared.announce()
    except StoreUnavailable:
        return announced
    return identity


if __name__ == "__main__":
    main()
