"""The objects that a view needs, built once per process."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    # Views are handed these objects; they do not load what builds them (web/build.py).
    from jobs.access.api_key_store import ApiKeyStore
    from jobs.access.streams import OpenStreams
    from jobs.batches import BatchService
    from jobs.dispatcher import Dispatcher
    from jobs.egress import Egress
    from jobs.files import ArtifactStore
    from jobs.files.uploads import Uploads
    from jobs.record.connection import Connection
    from jobs.record.identity import DatabaseIdentity
    from jobs.record.job_queue import JobQueue
    from jobs.record.store import JobStore
    from jobs.record.views import JobViews
    from jobs.scheduling.pauses import Pauses
    from jobs.scheduling.provider_states import ProviderStates
    from jobs.service import JobService
    from jobs.submissions import Submissions
    from jobs.webhooks.service import WebhookService
    from providers.catalog import Catalog
    from settings import Settings
    from web.http import auth
    from web.http.cursors import Cursors
    from web.http.rate_limits import RateLimiter
    from web.http.signed_links import SignedLinks
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


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast("Services", current_app.extensions["darkroom"])
