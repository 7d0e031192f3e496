"""The objects of one worker process, built once."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from jobs import metrics
from jobs.failpoints import failpoint
from jobs.record.leases import Leases
from jobs.record.types import Lease
from jobs.scheduling.health_store import HealthStore
from resilience import Rounds
from settings import Settings
from worker import shared
from worker.attempts import measurements
from worker.attempts.claim import Claimer
from worker.attempts.measurements import Measurements
from worker.attempts.parts import Parts
from worker.attempts.request import RequestBuilder
from worker.egress.download import Downloader
from worker.heartbeat import Heartbeat, Run
from worker.shared import Shared

log = logging.getLogger(__name__)

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
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, job_id: str, runner_of: Callable[[Lease], Run], *, suspects: bool) -> None:
        """Claim a job and run it to its end, if there is something to claim.

        Raises:
            JobError: It could not be claimed.
            Suspect: It must run in a process of its own, and ``suspects`` are not to run here.
        """
        heartbeat = self.heartbeat
        lease = self.claimer.claim(job_id, heartbeat.worker, heartbeat.lease_seconds, suspects=suspects)
        if lease is None:
            log.debug("nothing to claim")
            return
        failpoint("after_claim", lease.job.attempts[-1].provider)
        runner = runner_of(lease)
        with self.heartbeat.keeping(runner):
            runner.run()

    def start(self) -> None:
        """Begin to beat, and to write down what is measured.

        Raises:
            StoreUnavailable: The worker could not be made known.
            NoThread: This process can start no other thread.
        """
        self.heartbeat.start()
        count = partial(self.shared.counters.add, metrics.THREAD_ERRORS)
        Rounds(
            log,
            "measurements",
            self.parts.measurements.flush,
            self.stopped,
            what="nothing that was measured is written now",
            seconds=measurements.SECONDS,
            count=count,
        ).start()
        self.shared.live.rounds(self.stopped, lambda: None, count).start()

    def stop(self) -> None:
        """Write down what is left, and sign off. Jobs that still run lose their lease after a while."""
        self.stopped.set()
        self.heartbeat.stop()
        self.parts.measurements.flush()


def build(settings: Settings, *, slots: int) -> Services:
    """Build the services of one worker process, which takes ``slots`` jobs at once.

    Raises:
        SettingsError: The process cannot start as it is configured.
    """
    found = shared.build(settings, patience=PATIENCE)
    counters = found.counters
    requests = RequestBuilder(
        found.leases.secret,
        found.vault,
        found.artifacts,
        Downloader(found.dialer).fetch,
        found.dialer.proxy,
        partial(counters.add, metrics.DOWNLOADS),
    )
    parts = Parts(
        store=found.store,
        leases=found.leases,
        driver=found.driver,
        requests=requests,
        artifacts=found.artifacts,
        providers=HealthStore(found.connection),
        measurements=Measurements(HealthStore(found.impatient_connection), found.store.now),
        counters=counters,
        limits=settings.outputs,
    )
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
    return Services(
        shared=found,
        claimer=Claimer(parts, found.live.fresh),
        parts=parts,
        heartbeat=Heartbeat(Leases(found.impatient_connection), name, slots, settings.lease_seconds, counters),
    )
