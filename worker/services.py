"""The objects that a worker process and the scheduler need, built once."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from functools import partial

from jobs.egress import Egress
from jobs.files import LocalArtifacts
from jobs.files.uploads import Uploads
from jobs.queue import CeleryPublisher, client_app
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from jobs.record.store import JobStore
from jobs.scheduling.health_store import HealthStore
from jobs.service import JobService
from jobs.vault import Vault
from providers.catalog import Catalog
from settings import Settings, SettingsError
from worker.attempts.claim import Claimer
from worker.attempts.runner import Runner
from worker.egress import EgressGuard, pinned
from worker.scheduler.delivery import Deliverer
from worker.scheduler.webhook_client import WebhookClient

#: Seconds that a worker goes on trying to write before it gives an attempt up: while Redis is away there is nothing
#: better to do, and what the upstream has made already would be lost.
PATIENCE = 300.0

#: Seconds for which the first job at a provider is waited for, before others follow (jobs/record/scripts/dispatch.lua). A Space
#: may take some to say that the quota is used up; an app of somebody's own hardly has one, and its first burst is not to
#: be held up for long.
SPACE_SECONDS = 10.0
APP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What runs jobs, and what serves and repairs them."""

    name: str
    identity: DatabaseIdentity
    connection: Connection
    store: JobStore
    artifacts: LocalArtifacts
    catalog: Catalog
    claimer: Claimer
    runner: Runner
    jobs: JobService
    uploads: Uploads
    deliverer: Deliverer

    def announce(self) -> None:
        """Tell the scheduler which providers take jobs here, and how many each.

        Raises:
            StoreUnavailable: It could not be told.
        """
        specs = [spec for spec in self.catalog.specs() if spec.enabled]
        wary = {spec.name: SPACE_SECONDS if spec.on_hub else APP_SECONDS for spec in specs if spec.url}
        self.store.serve({spec.name: spec.concurrency for spec in specs}, wary)


def build(settings: Settings, *, patience: float = PATIENCE, founder: bool = False) -> Services:
    """Build the services of one process.

    Args:
        settings: The configuration.
        patience: Seconds that what belongs to a running attempt is tried again.
        founder: Whether an empty database gets its id here (:mod:`jobs.record.identity`).

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    if not settings.redis_url:
        raise SettingsError("DARKROOM_REDIS_URL is empty: `darkroom up` starts a server and sets it")
    client = connect(settings.redis_url)
    identity = DatabaseIdentity(client, settings.identity_file, founder=founder)
    connection = Connection(client, patience=patience, identity=identity)
    store = JobStore(connection, limits=settings.limits)
    catalog = Catalog.load(settings.config, hub_url=settings.hub_url)
    artifacts = LocalArtifacts(settings.artifacts_dir)
    rules = Egress(catalog.config.egress, catalog.config.plain_http, catalog.config.user_proxies)
    vault = Vault.from_file(settings.secret_key_file)
    return Services(
        name=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}",
        identity=identity,
        connection=connection,
        store=store,
        artifacts=artifacts,
        catalog=catalog,
        claimer=Claimer(store, catalog),
        runner=Runner(
            store, catalog, artifacts, vault, EgressGuard(rules).fetch, partial(pinned, rules), HealthStore(connection)
        ),
        jobs=JobService(store, CeleryPublisher(client_app(settings.redis_url)), artifacts, vault),
        uploads=Uploads(connection, artifacts, settings.file_bytes),
        deliverer=Deliverer(connection, vault, WebhookClient(rules)),
    )
