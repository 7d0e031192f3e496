"""One chaos run: clients and nemesis side by side, then calm, then everything that can be known is written down."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Literal

from jobs.errors import JobGone, JobNotFound, StoreUnavailable
from jobs.files import ArtifactError, LocalArtifacts
from jobs.model import Job
from jobs.record.nudge import Nudge
from jobs.record.types import LoggedEvent, Record
from tests.chaos import checker
from tests.chaos.deployment import Deployment
from tests.chaos.generator import Customer, Errand, Rest, share
from tests.chaos.history import Change, File, History, Try, read
from tests.chaos.history import Final as FinalLine
from tests.chaos.nemesis import Nemesis, Step
from tests.chaos.waiting import eventually
from tests.support.lists import OPEN, job_page

#: Customers at once.
CUSTOMERS: Final = 4
#: How a worker that ended without being killed stands among the faults.
SELF_DEATH: Final = "a worker ended by itself"


def _no_harm() -> None:
    """Nothing."""


@dataclass(slots=True)
class Run:
    """A run on a deployment.

    Args:
        deployment: It runs.
        errands: What the clients want.
        steps: What the nemesis does.
        settle: Seconds that everything gets to end after the last fault.
        name: Of the history file.
        harm: Done after the nemesis' steps, or instead of any; the faults count as over when it returns.
        supervise: Whether workers that end are started again.
        prefix: Only jobs whose key begins so are judged.
    """

    deployment: Deployment
    errands: Sequence[Errand]
    steps: Sequence[Step] = ()
    settle: float = checker.SETTLE_SECONDS + 30
    name: str = "history"
    harm: Callable[[], None] = _no_harm
    supervise: bool = True
    prefix: str = ""
    customers: list[Customer] = field(default_factory=list)
    surprises: list[BaseException] = field(default_factory=list)

    def go(self) -> checker.Report:
        """Carry it out and judge it."""
        path = self.deployment.folder / f"{self.name}.jsonl"
        with History(path) as history, ExitStack() as ends:
            numbers = itertools.count()
            for part in share(self.errands, CUSTOMERS):
                client = ends.enter_context(contextlib.closing(Rest(self.deployment.stack.url)))
                self.customers.append(Customer(client, history, part, numbers))
            nemesis = Nemesis(self.deployment, history, self._some)
            history.mark("begun")
            if self.supervise:
                ends.enter_context(repeating(lambda: self._supervise(nemesis, history)))
            ends.enter_context(repeating(Watch(self.deployment, history, self._ids)))
            give_up = threading.Event()
            ends.callback(give_up.set)
            threads = [threading.Thread(target=one.run, args=(give_up,)) for one in self.customers]
            for thread in threads:
                thread.start()
                ends.callback(thread.join)
                ends.callback(give_up.set)
            nemesis.run(self.steps)
            self.harm()
            history.mark("faults_stopped")
            self._wait(threads, history)
            record_end(self.deployment, history, self._ids(), self.prefix)
            history.add(*(line for line in self.deployment.upstream() if line.key.startswith(self.prefix)))
            history.add(*self.deployment.hooks.received(self._told()), *self.deployment.hooks.posted(self._told()))
        self.surprises = [*nemesis.errors, *(error for one in self.customers for error in one.surprises)]
        return checker.check(read(path))

    def _supervise(self, nemesis: Nemesis, history: History) -> None:
        """Start again what ended by itself, as the product's supervisor does; it is counted, since it should not."""
        for number, worker in enumerate(self.deployment.workers):
            lock = nemesis.lock(f"worker {number}")
            if lock.acquire(blocking=False):
                try:
                    if not worker.alive:
                        history.fault(SELF_DEATH, worker.name)
                        worker.start()
                finally:
                    lock.release()

    def _wait(self, threads: Sequence[threading.Thread], history: History) -> None:
        """Until every client has seen the end of its jobs, or it takes too long."""
        # Submits may go on for a while after the last fault.
        late = max((errand.at for errand in self.errands), default=0.0) - max((s.at for s in self.steps), default=0.0)
        ends = time.monotonic() + self.settle + max(0.0, late)
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        with contextlib.suppress(AssertionError):
            eventually(self._idle, "jobs are left", within=max(1.0, ends - time.monotonic()))
        history.mark("settled" if not any(thread.is_alive() for thread in threads) and self._idle() else "gave_up")

    def _idle(self) -> bool:
        """Whether all jobs have ended, and all webhooks are sent."""
        return self._over() and self.deployment.hooks.settled(self._told())

    def _over(self) -> bool:
        if not self.prefix:
            seen = self.deployment.queue.overview()
            return seen.queued + seen.running == 0
        open_jobs = job_page(self.deployment.store, None, cursor=None, limit=200, wanted=OPEN)
        return not any(key_of(record.job).startswith(self.prefix) for record in open_jobs.records)

    def _told(self) -> list[str]:
        """The jobs with a webhook."""
        keys = {errand.key for errand in self.errands if errand.webhook is not None}
        return [job for job, key in self._ids().items() if key in keys]

    def _ids(self) -> dict[str, str]:
        """Job id → key of all accepted jobs."""
        return {job: key for one in self.customers for job, key in list(one.jobs.items())}

    def _some(self) -> list[str]:
        known = list(self._ids())
        return random.Random(len(known)).sample(known[-40:], min(3, len(known)))


@contextlib.contextmanager
def repeating(work: Callable[[], None], pause: float = 0.2) -> Iterator[None]:
    """Do something again and again in a thread, as long as the block runs."""
    stopped = threading.Event()

    def loop() -> None:
        while not stopped.wait(pause):
            work()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


class Watch:
    """Follows the event logs of all jobs while they are written, so that what is taken back later is noticed.

    Args:
        deployment: What is watched.
        history: Where events are written down.
        ids: The jobs.
    """

    def __init__(self, deployment: Deployment, history: History, ids: Callable[[], Mapping[str, str]]) -> None:
        self._nudge = Nudge(deployment.stack.connection)
        self._history = history
        self._ids = ids
        self._cursors: dict[str, str] = {}

    def __call__(self) -> None:
        """Write down what came since the last call."""
        for job in self._ids():
            self._cursors.setdefault(job, "0")
        try:
            news = self._nudge.wait_events(self._cursors, 0.3)
        except StoreUnavailable:
            return
        for job, events in news.items():
            self._history.add(*(change_of(job, event) for event in events))
            self._cursors[job] = events[-1].id


def record_end(deployment: Deployment, history: History, ids: dict[str, str], prefix: str = "") -> None:
    """Write down how every job stands, its whole log, and its files."""
    known = dict(ids)
    cursor: str | None = None
    while True:
        part = job_page(deployment.store, None, cursor=cursor, limit=500)
        known |= {record.job.id: key_of(record.job) for record in part.records}
        cursor = part.next_cursor
        if cursor is None:
            break
    for job_id, key in known.items():
        if not key.startswith(prefix):
            continue
        try:
            record = deployment.store.get(job_id)
        except JobGone:
            history.add(FinalLine(at=time.time(), job=job_id, key=key, status="gone"))
            continue
        except JobNotFound:
            continue
        log = deployment.store.log(job_id, limit=10_000)
        history.add(*(change_of(job_id, event) for event in log))
        history.add(final_of(record, key, log), *files_of(record.job, deployment.stack.artifacts))


def key_of(job: Job) -> str:
    """The word by which the upstream's log names the job."""
    return str(job.given["prompt"]).split()[0]


def change_of(job_id: str, logged: LoggedEvent) -> Change:
    """One event, at the time when the server took it: the workers' own clocks may lag behind a slow line."""
    event = logged.event
    error = getattr(event, "error", None)
    return Change(
        at=int(logged.id.partition("-")[0]) / 1000,
        job=job_id,
        event=logged.id,
        what=str(type(event).__struct_config__.tag),
        provider=getattr(event, "provider", None),
        outcome=getattr(event, "outcome", None),
        code=None if error is None else error.code,
        reason=getattr(event, "reason", None),
        until=getattr(event, "not_before", None) or getattr(event, "until", None),
        note=getattr(event, "note", None),
        attempt=getattr(event, "attempt", None),
    )


def final_of(record: Record, key: str, log: Sequence[LoggedEvent]) -> FinalLine:
    """A job as it stands."""
    job = record.job
    return FinalLine(
        at=time.time(),
        job=job.id,
        key=key,
        status=job.status,
        version=record.version,
        finished_at=job.finished_at,
        code=None if job.error is None else job.error.code,
        attempts=tuple(
            Try(
                provider=a.provider,
                outcome=a.outcome,
                code=None if a.error is None else a.error.code,
                notes=a.notes,
                hedge=a.hedge,
            )
            for a in job.attempts
        ),
        runs=tuple(output.seed for output in job.outputs if output.seed is not None),
        log=tuple(event.id for event in log),
    )


def files_of(job: Job, artifacts: LocalArtifacts) -> Iterator[File]:
    """What is really there of the outputs."""
    for output in job.outputs:
        if output.kind == "image":
            yield File(at=time.time(), job=job.id, state=_state(job.id, str(output.sha256), output.bytes, artifacts))


def _state(job_id: str, sha256: str, size: int | None, artifacts: LocalArtifacts) -> Literal["good", "bad", "missing"]:
    try:
        with artifacts.open(job_id, sha256) as file:
            data = file.read()
    except ArtifactError:
        return "missing"
    return "good" if len(data) == size and hashlib.sha256(data).hexdigest() == sha256 else "bad"
