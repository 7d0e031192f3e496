"""The objects that a view needs, built once per process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

import redis
from flask import current_app

from jobs.access.api_keys import ApiKeyStore
from jobs.access.rates import LocalRates, Rates
from jobs.access.streams import OpenStreams
from jobs.batches import BatchService
from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.files import ArtifactStore, LocalArtifacts
from jobs.files.uploads import Uploads
from jobs.queue import CeleryPublisher, Publisher, client_app
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.store import JobStore
from jobs.record.views import JobViews, Nudge
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderStates
from jobs.service import JobService
from jobs.submissions import Submissions
from jobs.vault import Vault
from jobs.webhooks.notices import notices
from jobs.webhooks.service import WebhookService
from providers.catalog import Catalog
from settings import Settings
from web.http import auth
from web.http.cursors import Cursors
from web.http.rate_limits import RateLimiter
from web.http.signed_links import SignedLinks
from web.http.threads import ThreadedArtifacts
from web.images.variants import ImageVariants
from web.queue_estimates import QueueEstimates
from web.streaming.pump import Pump
from web.timings import Timings


@dataclass(frozen=True, kw_only=True)
class Services:
    """What serves requests. Close it at the end of the process."""

    settings: Settings
    timings: Timings
    connection: Connection
    identity: DatabaseIdentity
    store: JobStore
    views: JobViews
    provider_states: ProviderStates
    artifacts: ArtifactStore
    queue: JobQueue
    dispatcher: Dispatcher
    submissions: Submissions
    jobs: JobService
    batches: BatchService
    uploads: Uploads
    catalog: Catalog
    keys: ApiKeyStore
    gate: auth.Gate
    rate_limiter: RateLimiter
    streams: OpenStreams
    cursors: Cursors
    signed_links: SignedLinks
    image_variants: ImageVariants
    pump: Pump
    queue_estimates: QueueEstimates
    webhooks: WebhookService
    egress: Egress
    pauses: Pauses
    closed: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look after the database from now on, so that a wrong one is noticed without anybody's request."""
        threading.Thread(target=self.identity.watch, args=(self.closed,), name="epoch", daemon=True).start()

    def close(self) -> None:
        """End the pump and its streams, and close the connections."""
        self.closed.set()
        self.pump.close()
        self.connection.close()


def build(
    settings: Settings,
    *,
    client: redis.Redis | None = None,
    publisher: Publisher | None = None,
    timings: Timings | None = None,
) -> Services:
    """Build the services of one process.

    Args:
        settings: The configuration.
        client: A connection to use instead of one to ``settings.redis_url``.
        publisher: Wakes workers, instead of Celery on the same Redis.
        timings: How long it waits; the defaults where none are given.

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    if client is None:
        client = connect(settings.require_redis())
    identity = DatabaseIdentity(client, settings.identity_file)
    publisher = publisher or CeleryPublisher(client_app(settings.redis_url))
    return _built(settings, Connection(client, identity=identity), identity, publisher, timings or Timings())


def _built(
    settings: Settings, connection: Connection, identity: DatabaseIdentity, publisher: Publisher, timings: Timings
) -> Services:
    store = JobStore(connection, limits=settings.limits, notices=notices)
    queue = JobQueue(connection, limits=settings.limits)
    dispatcher = Dispatcher(queue, publisher)
    provider_states, pauses, keys = ProviderStates(connection), Pauses(connection), ApiKeyStore(connection)
    artifacts = ThreadedArtifacts(LocalArtifacts(settings.artifacts_dir))
    vault = Vault.from_file(settings.secret_key_file)
    catalog = Catalog.load(settings.config, hub_url=settings.hub_url)
    catalog.specs()  # imports the drivers now rather than in the first request
    egress = Egress(catalog.config.egress, catalog.config.plain_http, catalog.config.user_proxies)
    submissions = Submissions(store, dispatcher, artifacts, vault, embed_recipe=settings.embed_recipe)
    jobs = JobService(store, dispatcher, artifacts)
    return Services(
        settings=settings,
        timings=timings,
        connection=connection,
        identity=identity,
        store=store,
        views=JobViews(connection, store, limits=settings.limits),
        provider_states=provider_states,
        artifacts=artifacts,
        queue=queue,
        dispatcher=dispatcher,
        submissions=submissions,
        jobs=jobs,
        batches=BatchService(store, submissions, dispatcher, jobs),
        uploads=Uploads(connection, artifacts, settings.file_bytes),
        catalog=catalog,
        keys=keys,
        gate=auth.gate(settings, keys, identity, timings.key_cache),
        image_variants=ImageVariants(),
        rate_limiter=RateLimiter(Rates(connection), LocalRates()),
        streams=OpenStreams(connection),
        signed_links=SignedLinks(vault.derived("links"), connection.now),
        cursors=Cursors(vault.derived("cursors")[0]),
        pump=Pump(store, Nudge(connection), retry_seconds=timings.pump_retry),
        queue_estimates=QueueEstimates(
            queue, provider_states, pauses, catalog, connection.now, timings.queue_estimates
        ),
        webhooks=WebhookService(connection, vault, egress),
        egress=egress,
        pauses=pauses,
    )


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast("Services", current_app.extensions["darkroom"])
