"""Builds the services of one web process."""

from __future__ import annotations

from functools import partial

import redis

import media
from jobs import metrics
from jobs.access.api_key_store import ApiKeyStore
from jobs.access.rates import LocalRates, Rates
from jobs.access.streams import OpenStreams
from jobs.batches import BatchService
from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.files import LocalArtifacts
from jobs.files.uploads import Uploads
from jobs.record import messages
from jobs.record.connection import Connection, connect
from jobs.record.counters import Counters
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.lists.pages import JobPages
from jobs.record.nudge import Nudge
from jobs.record.store import JobStore
from jobs.record.unanswered import Unanswered
from jobs.record.views import JobViews
from jobs.scheduling.pauses import Pauses
from jobs.scheduling.provider_states import ProviderStates
from jobs.service import JobService
from jobs.submissions import Submissions
from jobs.vault import Vault
from jobs.webhooks.notices import notices
from jobs.webhooks.service import WebhookService
from providers.config import Config
from providers.live_catalog import LiveCatalog
from settings import Settings
from web.http.auth import Gate
from web.http.cursors import Cursors
from web.http.rate_limits import RateLimiter
from web.http.signed_links import SignedLinks
from web.http.threads import ThreadedArtifacts
from web.images.variants import ImageVariants
from web.queue_estimates import QueueEstimates
from web.services import Services, Timings
from web.streaming.pump import Pump
from web.streaming.sse import EventBytes
from web.v1.job_documents import JobDocuments


def build(
    settings: Settings,
    *,
    client: redis.Redis | None = None,
    timings: Timings | None = None,
) -> Services:
    """Build the services of one process, with a connection to Redis of its own where one is given.

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    media.load_plugins()
    if client is None:
        client = connect(settings.require_redis())
    identity = DatabaseIdentity(client, settings.identity_file)
    messages.template()  # loads Celery now rather than in the first request
    live = LiveCatalog(settings.providers_file, optional=settings.config is None, hub_url=settings.hub_url)
    return _built(settings, Connection(client, identity=identity), identity, live, timings or Timings())


def _built(
    settings: Settings,
    connection: Connection,
    identity: DatabaseIdentity,
    live: LiveCatalog,
    timings: Timings,
) -> Services:
    limits, counters = settings.limits, Counters(connection)
    store, queue, dispatcher = _record(connection, settings)
    provider_states, pauses, keys = ProviderStates(connection), Pauses(connection), ApiKeyStore(connection)
    artifacts = ThreadedArtifacts(LocalArtifacts(settings.artifacts_dir))
    vault, egress = Vault.from_file(settings.secret_key_file), _egress(live.current.config)
    submissions = Submissions(store, artifacts, vault, embed_recipe=settings.embed_recipe)
    jobs = JobService(store, dispatcher, artifacts)
    return Services(
        settings=settings,
        timings=timings,
        connection=connection,
        counters=counters,
        identity=identity,
        store=store,
        views=JobViews(connection, store, limits=limits),
        pages=JobPages(connection),
        provider_states=provider_states,
        artifacts=artifacts,
        queue=queue,
        dispatcher=dispatcher,
        submissions=submissions,
        jobs=jobs,
        batches=BatchService(store, submissions, dispatcher, jobs),
        uploads=Uploads(connection, artifacts, settings.file_bytes),
        live=live,
        keys=keys,
        gate=Gate(keys, settings.bind, settings.public_url, identity, limits, cache_seconds=timings.key_cache),
        image_variants=ImageVariants(),
        rate_limiter=RateLimiter(Rates(connection), LocalRates()),
        streams=OpenStreams(connection),
        unanswered=Unanswered(connection),
        signed_links=SignedLinks(vault.derived("links"), connection.now),
        cursors=Cursors(vault.derived("cursors")),
        pump=_pump(store, connection, counters, timings),
        queue_estimates=QueueEstimates(queue, provider_states, pauses, live, connection.now, timings.queue_estimates),
        documents=JobDocuments(),
        event_bytes=EventBytes(),
        webhooks=WebhookService(connection, vault, egress),
        egress=egress,
        pauses=pauses,
    )


def _egress(config: Config) -> Egress:
    """The rules for users' addresses, as they are at the start."""
    return Egress(config.egress, config.plain_http, config.user_proxies)


def _pump(store: JobStore, connection: Connection, counters: Counters, timings: Timings) -> Pump:
    count = partial(counters.add, metrics.THREAD_ERRORS)
    return Pump(store, Nudge(connection), retry_seconds=timings.pump_retry, count=count)


def _record(connection: Connection, settings: Settings) -> tuple[JobStore, JobQueue, Dispatcher]:
    store = JobStore(connection, limits=settings.limits, notices=notices, tombstone_days=settings.tombstone_days)
    queue = JobQueue(connection, limits=settings.limits)
    return store, queue, Dispatcher(queue)
