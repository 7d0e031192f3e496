"""The objects of one scheduler process, built once."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.files.uploads import Uploads
from jobs.record.counters import Counters
from settings import Settings
from worker import shared
from worker.scheduler.delivery import Deliverer
from worker.scheduler.janitor import Janitor
from worker.scheduler.prober import Prober
from worker.scheduler.reconciler import Reconciler
from worker.scheduler.timings import Timings
from worker.scheduler.webhook_client import WebhookClient
from worker.shared import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What repairs, probes, delivers and cleans up."""

    shared: Shared
    timings: Timings
    reconciler: Reconciler
    prober: Prober
    deliverer: Deliverer
    janitor: Janitor


def build(settings: Settings) -> Services:
    """Build the services of the scheduler.

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    found = shared.build(settings, initialise=True)
    connection, counters = found.connection, Counters(found.connection)
    timings = Timings(sweep=settings.sweep_seconds)
    uploads = Uploads(connection, found.artifacts, settings.file_bytes)
    return Services(
        shared=found,
        timings=timings,
        reconciler=Reconciler(
            connection, found.store, found.queue, found.dispatcher, found.jobs, uploads, counters, timings
        ),
        prober=Prober(connection, found.catalog, counters, timings),
        deliverer=Deliverer(connection, found.vault, WebhookClient(found.dialer), counters, timings),
        janitor=Janitor(connection, found.store, found.artifacts, counters),
    )
