"""What a worker and the scheduler both need, built once per process."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.files import LocalArtifacts
from jobs.queue import CeleryPublisher, client_app
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.service import JobService
from jobs.vault import Vault
from jobs.webhooks.notices import notices
from providers.catalog import Catalog
from settings import Settings
from worker.egress.dialer import Dialer

#: Seconds for which the first job at a provider runs alone before others follow (jobs/record/scripts/dispatch.lua).
#: A Space may take some seconds to say that its quota is used up. An app of the operator's own hardly has a quota, and
#: its first burst must not wait for long.
SPACE_SECONDS = 10.0
APP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The records, the files, the providers, and the way to users' addresses."""

    identity: DatabaseIdentity
    connection: Connection
    store: JobStore
    leases: Leases
    queue: JobQueue
    dispatcher: Dispatcher
    artifacts: LocalArtifacts
    catalog: Catalog
    dialer: Dialer
    vault: Vault
    jobs: JobService

    def announce(self) -> None:
        """Tell the database which providers take jobs, and how many each.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        specs = [spec for spec in self.catalog.specs() if spec.enabled]
        trials = {spec.name: SPACE_SECONDS if spec.on_hub else APP_SECONDS for spec in specs if spec.url}
        ProviderStates(self.connection).announce({spec.name: spec.concurrency for spec in specs}, trials)


def build(settings: Settings, *, patience: float = 0.0, initialise: bool = False) -> Shared:
    """Build the shared services of one process.

    Args:
        settings: The configuration.
        patience: Seconds for which writes of a running attempt are tried again while Redis is away.
        initialise: Give an empty database its id (:mod:`jobs.record.identity`).

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    client = connect(settings.require_redis())
    identity = DatabaseIdentity(client, settings.identity_file, initialise=initialise)
    connection = Connection(client, patience=patience, identity=identity)
    store = JobStore(connection, limits=settings.limits, notices=notices)
    queue = JobQueue(connection, limits=settings.limits)
    dispatcher = Dispatcher(queue, CeleryPublisher(client_app(settings.redis_url)))
    catalog = Catalog.load(settings.config, hub_url=settings.hub_url)
    artifacts = LocalArtifacts(settings.artifacts_dir)
    vault = Vault.from_file(settings.secret_key_file)
    return Shared(
        identity=identity,
        connection=connection,
        store=store,
        leases=Leases(connection, notices=notices),
        queue=queue,
        dispatcher=dispatcher,
        artifacts=artifacts,
        catalog=catalog,
        dialer=Dialer(Egress(catalog.config.egress, catalog.config.plain_http, catalog.config.user_proxies)),
        vault=vault,
        jobs=JobService(store, dispatcher, artifacts),
    )
