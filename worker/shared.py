"""What a worker and the scheduler both need, built once per process."""

from __future__ import annotations

from dataclasses import dataclass

import logs
import media
import settings as configuration
from jobs import failpoints
from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.files import LocalArtifacts
from jobs.record.connection import Connection, connect
from jobs.record.counters import Counters
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.service import JobService
from jobs.vault import Vault, VaultError
from jobs.webhooks.notices import notices
from providers.base import Driver
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.live_catalog import LiveCatalog
from settings import Settings, SettingsError
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
    #: Its commands fail at once while Redis is away.
    impatient_connection: Connection
    counters: Counters
    store: JobStore
    leases: Leases
    queue: JobQueue
    dispatcher: Dispatcher
    artifacts: LocalArtifacts
    live: LiveCatalog
    dialer: Dialer
    vault: Vault
    jobs: JobService

    @property
    def catalog(self) -> Catalog:
        """The providers, as the newest right configuration has them."""
        return self.live.current

    def driver(self, name: str) -> Driver:
        """The driver of a provider now; see :meth:`providers.catalog.Catalog.driver`."""
        return self.catalog.driver(name)

    def announce(self) -> None:
        """Tell the database which providers take jobs, and how many each.

        Raises:
            StoreUnavailable: Redis cannot serve.
        """
        specs = [spec for spec in self.catalog.specs() if spec.enabled]
        trials = {spec.name: SPACE_SECONDS if spec.on_hub else APP_SECONDS for spec in specs if spec.url or spec.space}
        ProviderStates(self.connection).announce({spec.name: spec.concurrency for spec in specs}, trials)


def start(program: str) -> Settings:
    """The settings of a process that starts; its log and its failpoints are set up as they say."""
    settings = configuration.load()
    logs.configure(settings.log_format, program, settings.log_level)
    failpoints.arm(settings.failpoints)
    return settings


def build(settings: Settings, *, patience: float = 0.0, initialise: bool = False) -> Shared:
    """Build the shared services of one process.

    Args:
        settings: The configuration.
        patience: Seconds for which writes of a running attempt are tried again while Redis is away.
        initialise: Give an empty database its id (:mod:`jobs.record.identity`).

    Raises:
        SettingsError: There is no Redis URL, or the providers' configuration or the secret key file is unusable.
    """
    media.load_plugins()
    client = connect(settings.require_redis())
    identity = DatabaseIdentity(client, settings.identity_file, initialise=initialise)
    connection = impatient = Connection(client, patience=patience, identity=identity)
    if patience:
        # Of their own: no attempt can keep a beat waiting. The beats take one, and measurements up to two.
        impatient = Connection(connect(settings.redis_url, connections=4), identity=identity)
    store = JobStore(connection, limits=settings.limits, notices=notices, tombstone_days=settings.tombstone_days)
    queue = JobQueue(connection, limits=settings.limits)
    dispatcher = Dispatcher(queue)
    artifacts = LocalArtifacts(settings.artifacts_dir)
    try:
        live = LiveCatalog(settings.providers_file, optional=settings.config is None, hub_url=settings.hub_url)
        vault = Vault.from_file(settings.secret_key_file)
    except (ConfigError, VaultError) as error:
        raise SettingsError(str(error)) from error
    config = live.current.config
    return Shared(
        identity=identity,
        connection=connection,
        impatient_connection=impatient,
        counters=Counters(impatient),
        store=store,
        leases=Leases(connection, notices=notices),
        queue=queue,
        dispatcher=dispatcher,
        artifacts=artifacts,
        live=live,
        dialer=Dialer(Egress(config.egress, config.plain_http, config.user_proxies)),
        vault=vault,
        jobs=JobService(store, dispatcher, artifacts),
    )
