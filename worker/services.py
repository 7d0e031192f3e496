"""The objects of one worker process, built once."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from typing import Final

from jobs.record.client import connect
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.record.leases import Leases
from jobs.scheduling.health_store import HealthStore
from settings import Settings
from worker import shared
from worker.attempts.claim import Claimer
from worker.attempts.parts import Parts
from worker.attempts.request import RequestBuilder
from worker.egress.download import Downloader
from worker.heartbeat import Heartbeat
from worker.shared import Shared

#: Seconds for which a worker tries to write before it gives an attempt up. While Redis is away there is nothing better
#: to do, and giving up would lose what the upstream has made.
PATIENCE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What claims and runs jobs in this process, and keeps their leases."""

    shared: Shared
    claimer: Claimer
    parts: Parts
    heartbeat: Heartbeat


def build(settings: Settings, *, slots: int) -> Services:
    """Build the services of one worker process.

    Args:
        settings: The configuration.
        slots: Jobs that the scheduler may send here at once.

    Raises:
        SettingsError: There is no Redis URL.
        ConfigError: The providers' configuration is wrong.
        VaultError: The secret key file is unusable.
    """
    found = shared.build(settings, patience=PATIENCE)
    # A connection of its own: no attempt can keep a beat waiting.
    connection = Connection(connect(settings.redis_url, connections=2), identity=found.identity)
    counters = Counters(connection)
    requests = RequestBuilder(
        found.leases.secret, found.vault, found.artifacts, Downloader(found.dialer).fetch, found.dialer.proxy, counters
    )
    parts = Parts(
        store=found.store,
        leases=found.leases,
        driver=found.catalog.driver,
        requests=requests,
        artifacts=found.artifacts,
        measures=HealthStore(found.connection),
        counters=counters,
    )
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
    return Services(
        shared=found,
        claimer=Claimer(found.store, found.leases, found.catalog, counters),
        parts=parts,
        heartbeat=Heartbeat(Leases(connection), name, slots, settings.lease_seconds, counters),
    )
