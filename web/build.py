"""Builds the services of one web process."""

from __future__ import annotations

import redis

from jobs.access.api_key_store import ApiKeyStore
from jobs.access.rates import LocalRates, Rates
from jobs.access.streams import OpenStreams
from jobs.batches import BatchService
from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.files import LocalArtifacts
from jobs.files.uploads import Uploads
from jobs.queue import CeleryPublisher, Publisher, client_app
from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.nudge import Nudge
from jobs.record.store import JobStore
from jobs.record.views import JobViews
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
from web.services import Services
from web.streaming.pump import Pump
from web.timings import Timings


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
    catalog = Catalog.load(settings.config, hub_url=settings.hub_url)
    catalog.specs()  # imports the drivers now rather than in the first request
    return _built(settings, Connection(client, identity=identity), identity, catalog, publisher, timings or Timings())


def _built(
    settings: Settings,
    connection: Connection,
    identity: DatabaseIdentity,
    catalog: Catalog,
    publisher: Publisher,
    timings: Timings,
) -> Services:
    limits = settings.limits
    store, queue = JobStore(connection, limits=limits, notices=notices), JobQueue(connection, limits=limits)
    dispatcher = Dispatcher(queue, publisher)
    provider_states, pauses, keys = ProviderStates(connection), Pauses(connection), ApiKeyStore(connection)
    artifacts = ThreadedArtifacts(LocalArtifacts(settings.artifacts_dir))
    vault = Vault.from_file(settings.secret_key_file)
    egress = Egress(catalog.config.egress, catalog.config.plain_http, catalog.config.user_proxies)
    submissions = Submissions(store, dispatcher, artifacts, vault, embed_recipe=settings.embed_recipe)
    jobs = JobService(store, dispatcher, artifacts)
    estimates = QueueEstimates(queue, provider_states, pauses, catalog, connection.now, timings.queue_estimates)
    return Services(
        settings=settings,
        timings=timings,
        connection=connection,
        identity=identity,
        store=store,
        views=JobViews(connection, store, limits=limits),
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
        queue_estimates=estimates,
        webhooks=WebhookService(connection, vault, egress),
        egress=egress,
        pauses=pauses,
    )
