"""The objects of one scheduler process, built once."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.files.uploads import Uploads
from settings import Settings
from worker import shared
from worker.scheduler.delivery import Deliverer
from worker.scheduler.janitor import Janitor
from worker.scheduler.prober import Prober
from worker.scheduler.reconciler import Reconciler
from worker.scheduler.webhook_client import WebhookClient
from worker.shared import Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What repairs, probes, delivers and cleans up."""

    shared: Shared
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
    found = shared.build(settings, founder=True)
    uploads = Uploads(found.connection, found.artifacts, settings.file_bytes)
    return Services(
        shared=found,
        reconciler=Reconciler(found.connection, found.store, found.jobs, uploads),
        prober=Prober(found.connection, found.catalog),
        deliverer=Deliverer(found.connection, found.vault, WebhookClient(found.dialer)),
        janitor=Janitor(found.connection, found.store, found.artifacts, settings.sweep_seconds),
    )
