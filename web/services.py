"""What a view is given: the services of its process, who asks, and the addresses that this client uses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g, request

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.resources.base import Links
from resilience import Rounds
from web import request_counts

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
    from jobs.record.counters import Counters
    from jobs.record.identity import DatabaseIdentity
    from jobs.record.job_queue import JobQueue
    from jobs.record.lists.pages import JobPages
    from jobs.record.store import JobStore
    from jobs.record.unanswered import Unanswered
    from jobs.record.views import JobViews
    from jobs.scheduling.pauses import Pauses
    from jobs.scheduling.provider_states import ProviderStates
    from jobs.service import JobService
    from jobs.submissions import Submissions
    from jobs.webhooks.service import WebhookService
    from providers.catalog import Catalog
    from providers.live_catalog import LiveCatalog
    from settings import Settings
    from web.http.auth import Caller, Gate
    from web.http.cursors import Cursors
    from web.http.rate_limits import RateLimiter
    from web.http.signed_links import SignedLinks
    from web.images.variants import ImageVariants
    from web.queue_estimates import QueueEstimates
    from web.streaming.pump import Pump
    from web.streaming.sse import EventBytes
    from web.v1.job_documents import JobDocuments

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Times in seconds."""

    #: An event stream without news sends a sign of life after it, so that no proxy closes the stream.
    heartbeat: float = 15.0
    #: A client that waits for a result gets the headers of its answer at the latest after it: some give up after 300 s.
    late_answer: float = 60.0
    #: A call of a tool is answered at the latest after it, with the job as it is then: hosts give up after 60 s.
    tool_call: float = 45.0
    #: An event stream looks up again what a waiting job waits for.
    queue_look: float = 2.0
    #: An event stream ends after it; the client connects again and goes on where it was.
    longest_stream: float = 900.0
    #: A key that was looked up is trusted. Where another process revokes or changes it, it works as before no longer
    #: than that; the process that does it forgets at once.
    key_cache: float = 2.0
    #: What a process knows of the providers, for its estimates of the queue, may be so old.
    queue_estimates: float = 1.0
    #: A process looks whether its database is still the right one, and writes its counters.
    database_look: float = 1.0
    #: The pause of the event pump after Redis could not be reached.
    pump_retry: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Services:
    """What serves requests. Close it at the end of the process."""

    settings: Settings
    timings: Timings
    connection: Connection
    counters: Counters
    identity: DatabaseIdentity
    store: JobStore
    views: JobViews
    pages: JobPages
    provider_states: ProviderStates
    artifacts: ArtifactStore
    queue: JobQueue
    dispatcher: Dispatcher
    submissions: Submissions
    jobs: JobService
    batches: BatchService
    uploads: Uploads
    live: LiveCatalog
    keys: ApiKeyStore
    gate: Gate
    rate_limiter: RateLimiter
    streams: OpenStreams
    unanswered: Unanswered
    cursors: Cursors
    signed_links: SignedLinks
    image_variants: ImageVariants
    pump: Pump
    queue_estimates: QueueEstimates
    documents: JobDocuments
    event_bytes: EventBytes
    webhooks: WebhookService
    egress: Egress
    pauses: Pauses
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def catalog(self) -> Catalog:
        """The providers, as the newest right configuration has them. Ask once for what must fit together."""
        return self.live.current

    def base(self, environ: Mapping[str, Any]) -> str:
        """Scheme and host of the addresses that a client uses. The gate has checked the header."""
        return self.settings.public_url or f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"

    def watch(self) -> None:
        """Look after the database and the configuration from now on, so that changes need nobody's request."""
        with suppress(StoreUnavailable):
            self.unanswered.bury()
            # Before the first request: a process without a sign of life counts as dead, and its clients as gone.
            self.unanswered.beat()
        count = partial(self.counters.add, metrics.THREAD_ERRORS)
        self.live.rounds(self.closed, lambda: None, count).start()
        Rounds(
            log,
            "database-identity",
            self._look,
            self.closed,
            what="nobody looks after the database now",
            seconds=self.timings.database_look,
            expected=(StoreUnavailable,),
            count=count,
        ).start()

    def _look(self) -> None:
        request_counts.flush()
        self.counters.flush()
        self.identity.check()
        self.unanswered.beat()

    def close(self) -> None:
        """End the pump and its streams, and close the connections."""
        self.closed.set()
        request_counts.flush()
        self.pump.close()
        self.connection.close()


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast("Services", current_app.extensions["darkroom"])


def let_in_again() -> None:
    """Check once more that the caller of the current request may ask, as when it came.

    Raises:
        Problem: Its key was revoked, say.
    """
    g.let_in()


def caller() -> Caller:
    """The caller of the current request; the gate has let it in."""
    return cast("Caller", g.caller)


def links() -> Links:
    """Addresses as this client uses them."""
    return Links(services().base(request.environ))


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the caller, the services that answer it, and the addresses that it uses.

    For what runs before Flask as well (:mod:`web.lane`): it is handed on, and not looked up.
    """

    services: Services
    caller: Caller
    links: Links


def asker() -> Asker:
    """Who asks in the current request."""
    return Asker(services(), caller(), links())
