"""One worker's parts on fakeredis, with scripted drivers instead of upstreams."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from jobs import events, metrics
from jobs.dispatcher import Dispatcher
from jobs.egress import Egress
from jobs.errors import StoreUnavailable
from jobs.files import LocalArtifacts
from jobs.ids import new_id
from jobs.model import Job
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.record.identity import DatabaseIdentity
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.record.types import Lease
from jobs.scheduling.health_store import HealthStore
from jobs.service import JobService
from jobs.vault import Vault
from jobs.webhooks.notices import notices
from media import DEFAULT_LIMITS, Kind
from providers import Completed, Control, Driver, InlineFile
from providers.catalog import Catalog
from providers.live_catalog import LiveCatalog
from providers.testing import ScriptedDriver
from tests.support.connections import RiggedConnection
from worker.attempts import runner
from worker.attempts.measurements import Measurements
from worker.attempts.parts import Parts, Timings
from worker.attempts.request import RequestBuilder
from worker.attempts.runner import Runner
from worker.egress.dialer import Dialer
from worker.shared import Shared


def picture(color: str = "red", size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def done(color: str = "red") -> Completed:
    """A result with one picture."""
    return Completed((InlineFile("a.png", picture(color)),), 7)


class Hooked:
    """Calls a function of the test before a method; what the function raises is the method's error."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        #: By the method's name.
        self.before: dict[str, Callable[[], object]] = {}

    def __getattribute__(self, name: str) -> Any:
        hook = object.__getattribute__(self, "__dict__").get("before", {}).get(name)
        if hook is not None:
            hook()
        return super().__getattribute__(name)


class HookedStore(Hooked, JobStore):
    """A store whose methods a test lets fail."""


class HookedLeases(Hooked, Leases):
    """Leases whose methods a test lets fail."""


class HookedQueue(Hooked, JobQueue):
    """A queue whose methods a test lets fail."""


def away() -> None:
    """A hook: Redis cannot serve."""
    raise StoreUnavailable("gone")


def shared_of(
    connection: Connection,
    folder: Path = Path("/nonexistent"),
    *,
    catalog: Catalog | None = None,
    counters: Counters | None = None,
    store: JobStore | None = None,
    leases: Leases | None = None,
    queue: JobQueue | None = None,
) -> Shared:
    """As :func:`worker.shared.build` makes it, with the parts that a test has of its own."""
    store, queue = store or JobStore(connection, notices=notices), queue or JobQueue(connection)
    dispatcher, artifacts = Dispatcher(queue), LocalArtifacts(folder / "artifacts")
    return Shared(
        identity=DatabaseIdentity(connection.client, folder / "database.id"), connection=connection,
        impatient_connection=connection, counters=counters or Counters(connection), store=store,
        leases=leases or Leases(connection, notices=notices), queue=queue, dispatcher=dispatcher, artifacts=artifacts,
        live=LiveCatalog.fixed(catalog or Catalog.load(None)), dialer=Dialer(Egress()), vault=Vault(b"k" * 32),
        jobs=JobService(store, dispatcher, artifacts),
    )  # fmt: skip


class WorkerParts:
    """Everything that a runner needs; :attr:`drivers` and :attr:`fetched` are the test's to fill."""

    def __init__(self, folder: Path, connection: RiggedConnection | None = None) -> None:
        self.folder = folder
        self.connection = connection or RiggedConnection()
        self.store = HookedStore(self.connection)
        self.leases = HookedLeases(self.connection)
        self.queue = HookedQueue(self.connection)
        self.artifacts = LocalArtifacts(folder / "artifacts")
        self.vault = Vault(b"k" * 32)
        self.drivers: dict[str, Driver] = {}
        self.fetched: dict[str, bytes] = {}
        self.measures = HealthStore(self.connection)
        self.counters = Counters(self.connection)
        self.timings = Timings()
        self.limits = DEFAULT_LIMITS

    @property
    def parts(self) -> Parts:
        """As the worker gets them."""
        requests = RequestBuilder(
            self.leases.secret,
            self.vault,
            self.artifacts,
            self.fetch,
            self.proxy,
            partial(self.counters.add, metrics.DOWNLOADS),
        )
        return Parts(
            store=self.store, leases=self.leases, driver=self.driver, requests=requests, artifacts=self.artifacts,
            providers=self.measures, measurements=Measurements(self.measures, self.store.now, held=0),
            counters=self.counters, timings=self.timings,
            limits=self.limits,
        )  # fmt: skip

    def shared(self) -> Shared:
        """As the scheduler gets it."""
        return shared_of(
            self.connection, self.folder, counters=self.counters,
            store=self.store, leases=self.leases, queue=self.queue,
        )  # fmt: skip

    def driver(self, name: str) -> Driver:
        """As the catalog does it."""
        return self.drivers[name]

    def fetch(self, url: str, limit: int, control: Control) -> bytes:
        """As the egress guard does it."""
        control.check()
        data = self.fetched[url]
        assert len(data) <= limit
        return data

    def proxy(self, url: str) -> str:
        """As the guard does it with a host that has one address."""
        return url.replace("proxy.example.com", "192.0.2.7")

    def script(self, *steps: Any, name: str = "scripted", kind: Kind = "image") -> ScriptedDriver:
        """Have the provider of this name do so."""
        driver = ScriptedDriver(steps, name=name, kind=kind)
        self.drivers[name] = driver
        return driver

    def submit(self, *, secret: dict[str, str] | None = None, **changes: Any) -> str:
        """A queued job."""
        fields: dict[str, Any] = {
            "id": new_id("job"), "owner": "local", "user": "local", "model": "scripted", "route": ("scripted",),
            "given": {"prompt": "x"}, "input": {"prompt": "x"}, "created_at": self.store.now(),
            "has_credentials": secret is not None, "account": None if secret is None else "own",
        }  # fmt: skip
        job = Job(**{**fields, **changes})
        return self.store.accept(job, self.vault.lock(job.id, secret) if secret else None).record.job.id

    def claim(self, job_id: str, lease_seconds: float = 60) -> Lease:
        """The lease of a job that may run."""
        self.leases.beat("w", 8, 60, [])
        assert job_id in self.queue.choose()
        lease = self.leases.claim(job_id, "w", lease_seconds, lambda job, _: job.input)
        assert lease is not None
        return lease

    def runner(self, job_id: str | None = None, **changes: Any) -> Runner:
        """A runner of one attempt that is about to run."""
        return runner.alone(self.parts, self.claim(job_id or self.submit(**changes)))

    def run(self, *steps: Any, kind: Kind = "image", **changes: Any) -> Job:
        """The job after one attempt with these steps."""
        self.script(*steps, kind=kind)
        runner = self.runner(**changes)
        runner.run()
        return self.job(runner.job_id)

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self.store.get(job_id).job

    def log(self, job_id: str) -> list[events.JobEvent]:
        """The job's events."""
        return [entry.event for entry in self.store.log(job_id)]

    def files(self, job_id: str) -> list[Path]:
        """What is on the disk for a job."""
        return sorted((self.artifacts.root / job_id[-2:] / job_id).glob("*"))
