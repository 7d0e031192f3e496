"""The store of jobs, as web, worker and reconciler see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from jobs.events import JobEvent
from jobs.idempotency import Once
from jobs.model import Job, Tombstone


@dataclass(frozen=True, slots=True)
class Record:
    """A job as it stands: the snapshot, how often it changed, and the id of the newest event."""

    job: Job
    version: int
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Jobs that share a limit: those of a key, or of one of its end users.

    ``running`` of them run or are on their way to a worker, ``limit`` may (None: any number), and ``position`` wait
    before the job in question.
    """

    running: int
    limit: int | None
    position: int

    @property
    def is_full(self) -> bool:
        """Whether no more of them may run now."""
        return self.limit is not None and self.running >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queued job stands: ``position`` jobs were queued before it; its key's and its end user's crowds."""

    position: int
    crowds: tuple[Crowd, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job until it is lost; ``fence`` goes with every write."""

    record: Record
    fence: int
    #: What earlier attempts left, by provider.
    checkpoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def job(self) -> Job:
        """The job as it was claimed."""
        return self.record.job


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One entry of a job's event log; ``id`` orders them and serves as the SSE id."""

    id: str
    event: JobEvent


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first, and where the next part begins (None at the end)."""

    records: tuple[Record, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the scheduler sees, in counts."""

    queued: int = 0
    running: int = 0
    sent: int = 0
    parked: int = 0
    workers: Mapping[str, int] = field(default_factory=dict)


#: Decides the next event from the job as it stands; None leaves it as it is.
Decision = Callable[[Job], JobEvent | None]


class JobStore(Protocol):
    """Durable records of jobs.

    Every method raises :class:`jobs.errors.StoreUnavailable` while the store
    cannot be reached or refuses writes. Times are Unix seconds by the
    store's own clock.
    """

    def now(self) -> float:
        """The store's clock."""
        ...

    def check_writes(self) -> None:
        """Write something of no meaning; raises where the store takes no writes."""
        ...

    def create(self, job: Job, secret: bytes | None = None, once: Once | None = None) -> Record:
        """Write a new job, its first event, its encrypted credentials, and the marks of the request, in one step.

        A job that has succeeded already (from the cache) never waits.

        Where an earlier sending of the request made a job already, nothing is written and that one is answered.

        Raises:
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: As many jobs of this owner, or of this end user, wait as may.
        """
        ...

    def made(self, once: Once) -> Record | None:
        """The job that an earlier sending of the request made; raises as :meth:`create`."""
        ...

    def recall(self, key: str) -> Job | None:
        """The newest job that succeeded at a request with this :attr:`jobs.model.Job.cache_key`, while it is kept."""
        ...

    def get(self, job_id: str) -> Record:
        """The job as it stands.

        Raises:
            JobNotFound: There is none.
            JobGone: There was one.
        """
        ...

    def get_many(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those of the jobs that exist."""
        ...

    def change(self, job_id: str, decide: Decision, *, fence: int | None = None, lapsed: bool = False) -> Record:
        """Read, decide, apply, and write snapshot and event together; again if somebody else was faster.

        Args:
            job_id: The job.
            decide: Gives the next event.
            fence: Of the attempt that writes; only the running one may.
            lapsed: Leave a running job as it is whose lease has been renewed meanwhile.

        Raises:
            IllegalTransition: The state table has no such move.
            LeaseLost: ``fence`` is not the running attempt's.
        """
        ...

    def log(self, job_id: str, after: str = "0", limit: int = 1000) -> Sequence[LoggedEvent]:
        """The log after the event ``after``, oldest first."""
        ...

    def wait_events(
        self, cursors: Mapping[str, str], timeout: float, limit: int = 100
    ) -> Mapping[str, Sequence[LoggedEvent]]:
        """Block until one of many jobs has news: job id → last seen event id in, new events out."""
        ...

    def page(
        self,
        owner: str | None,
        *,
        cursor: str | None,
        limit: int,
        keep: Callable[[Job], bool],
        since: float | None = None,
        until: float | None = None,
    ) -> Page:
        """The jobs of an owner (of all where None), newest first, that ``keep`` keeps.

        ``since`` and ``until`` are bounds of their creation, exclusive.

        A page may hold fewer than ``limit`` and still have a ``next_cursor``,
        where ``keep`` keeps few.
        """
        ...

    def claim(
        self, job_id: str, worker: str, lease_seconds: float, inputs: Callable[[Job, str], dict[str, Any]]
    ) -> Lease | None:
        """Take the lease of a job that was sent; None where there is nothing to claim (a duplicate message dies here).

        Args:
            job_id: The job that a message named.
            worker: Who claims it, for the ledger.
            lease_seconds: How long the lease holds without a :meth:`beat`.
            inputs: From the job and the provider chosen for it, the input
                that the provider will be asked for.
        """
        ...

    def beat(self, worker: str, slots: int, lease_seconds: float, leases: Sequence[tuple[str, int]]) -> list[int]:
        """A worker's sign of life for so many seconds; renews its leases (job id, fence).

        ``slots`` is how many jobs it runs at once; 0 signs it off. Answers
        for each lease: 0 it is lost, 1 held, 2 a cancel was asked for.
        """
        ...

    def wait_control(self, after: str, timeout: float) -> tuple[str, tuple[str, ...]]:
        """Block until a cancel is asked for, of any job: the new cursor and the job ids."""
        ...

    def save_checkpoints(self, job_id: str, fence: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Store what a later attempt must know, by provider; whatever was stored before is gone.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        ...

    def take_hedge(self, job_id: str, fence: int, providers: Sequence[str]) -> str | None:
        """Take a slot for a hedge, beside the one that the running job holds.

        Args:
            job_id: The job.
            fence: Of its attempt.
            providers: Who may be the hedge, the best first.

        Returns:
            The first of them that is well and has room; None where there is none.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        ...

    def keep(self, job_id: str, fence: int, provider: str) -> None:
        """Give back the other one of a job's two slots: its attempt there has ended, and this one goes on.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        ...

    def secret(self, job_id: str) -> bytes | None:
        """The job's encrypted credentials, while it has not ended."""
        ...

    def save_preview(self, job_id: str, fence: int, index: int, picture: bytes) -> None:
        """Keep a preview; older ones than the last few are dropped.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        ...

    def preview(self, job_id: str, index: int) -> bytes | None:
        """A preview's picture, while it is kept."""
        ...

    def rest(self, provider: str, until: float, reason: str, account: str | None = None) -> None:
        """Send the provider nothing until then (its quota is used up, it is busy), then one job first.

        With an ``account`` only jobs with the same credentials of their own are meant, else only those without.
        A rest is never made shorter.
        """
        ...

    def works(self, provider: str, since: float, account: str | None = None) -> None:
        """Take the provider (for an account) for well, since an attempt that began at ``since`` showed life there.

        An attempt from before the end of a rest shows nothing.
        """
        ...

    def limit(self, provider: str, jobs: int | None) -> None:
        """Set how many jobs at once the provider takes; None lifts the limit."""
        ...

    def serve(self, limits: Mapping[str, int | None], wary: Mapping[str, float] | None = None) -> None:
        """Name the providers that take jobs, all of them, each with its limit; jobs for others wait.

        Those in ``wary`` may have a quota: where nobody has asked lately, one job goes first, and the others follow
        when it shows life, or after so many seconds without a refusal.
        """
        ...

    def dispatch(self, most: int = 100, looks: int = 200) -> tuple[str, ...]:
        """Choose jobs to send to workers, fairly, as many as there are free slots; the caller publishes them.

        Args:
            most: Jobs at once.
            looks: At so many users it looks, about; where more wait who cannot run, the next calls look further.
        """
        ...

    def unsent(self, older_than: float) -> tuple[str, ...]:
        """Jobs whose message was lost: sent so many seconds ago, not claimed, and it waits no more at the broker.

        Each that is looked at is marked as sent now.
        """
        ...

    def lost(self, limit: int = 500) -> tuple[str, ...]:
        """Running jobs whose lease is over."""
        ...

    def overdue(self, limit: int = 500) -> tuple[str, ...]:
        """Queued jobs whose deadline has passed."""
        ...

    def outlived(self, limit: int = 500) -> tuple[str, ...]:
        """Finished jobs whose retention is over."""
        ...

    def purge(self, tombstone: Tombstone) -> bool:
        """Replace a finished job by its tombstone, or find that this was done; False where it is not finished."""
        ...

    def overview(self) -> Overview:
        """What the scheduler sees."""
        ...
