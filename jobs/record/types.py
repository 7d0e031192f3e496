"""The values that the record gives and takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import msgspec

from jobs.events import JobEvent, Logged
from jobs.model import Job
from jobs.record.keys import ms

log = logging.getLogger(__name__)

_event = msgspec.json.Decoder(JobEvent)


@dataclass(frozen=True, slots=True)
class Record:
    """The snapshot of a job, the number of its changes, and the id of its newest event."""

    job: Job
    version: int
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitGroup:
    """The jobs that share a limit, as one of them meets it: those of a key, or of one of its end users.

    ``running`` has those on their way to a worker too; ``position`` is how many wait before the job.
    """

    running: int
    limit: int | None
    position: int

    @property
    def is_full(self) -> bool:
        """Whether no other of them may run now."""
        return self.limit is not None and self.running >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """The place of a queued job: how many jobs were queued before it, and the groups whose limits hold for it.

    ``is_sent``: it has a slot, and its message is on its way to a worker.
    """

    position: int
    groups: tuple[LimitGroup, ...] = ()
    is_sent: bool = False

    @classmethod
    def of(cls, answer: Sequence[Any]) -> Self | None:
        """The place in an answer of look.lua; None: the job is not queued."""
        if len(answer) < 4:
            return None
        groups = (answer[start : start + 3] for start in range(4, len(answer), 3))
        return cls(
            position=answer[3],
            is_sent=len(answer) == 4,
            groups=tuple(
                LimitGroup(running=running, limit=None if limit < 0 else limit, position=position)
                for running, limit, position in groups
            ),
        )


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job, until it is lost; ``fence`` goes with every write."""

    record: Record
    fence: int
    #: What earlier attempts left, by provider.
    checkpoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def job(self) -> Job:
        """The job as it was claimed."""
        return self.record.job


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An attempt that began at ``since`` (Unix seconds) showed that its provider works: other jobs may follow.

    With an account: other jobs of that account. An attempt from before the end of a rest proves nothing.
    """

    provider: str
    since: float
    account: str | None = None

    def arguments(self) -> tuple[str, str, int]:
        """As works.lua takes it."""
        return self.provider, self.account or "", ms(self.since)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One entry of a job's event log; ``id`` orders them and serves as the SSE id."""

    id: str
    event: JobEvent


def logged(rows: Iterable[Any]) -> tuple[LoggedEvent, ...]:
    """The events of a job's stream. One that cannot be read keeps its place, as a line of the log that says so."""
    return tuple(LoggedEvent(entry_id.decode(), _read(entry_id.decode(), fields)) for entry_id, fields in rows)


def _read(entry_id: str, fields: Mapping[bytes, bytes]) -> JobEvent:
    try:
        event: JobEvent = _event.decode(fields[b"e"])
    except (msgspec.DecodeError, KeyError, ValueError, RecursionError) as error:
        # Without the entry itself, which may hold anything.
        log.warning("an entry of a job's log cannot be read (%s)", type(error).__name__, extra={"event": entry_id})
        return Logged(at=int(entry_id.partition("-")[0]) / 1000, text="An event of this job cannot be read.")
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A webhook delivery that is written together with the change that it tells of: its record, as JSON, and its body.

    ``interval``: least seconds since the job's last delivery with an interval; None: at once.
    """

    id: str
    owner: str
    host: str
    record: bytes
    body: bytes
    interval: float | None = None


class Charge(Protocol):
    """Counts the request that makes a job, in the step that writes the job; :class:`jobs.access.rates.Charge` is one."""

    def arguments(self) -> Sequence[str | int]:
        """What spend.lua takes."""
        ...

    def settle(self, answer: Sequence[int]) -> bool:
        """Take what spend.lua answered; False: the request is refused."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted, and its place in the queue (None: it is not queued, or nobody looked).

    ``replayed`` where an earlier sending of the same request made it.
    """

    record: Record
    place: QueuePlace | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """The numbers of jobs that wait, run, are on their way to a worker, and are parked; the slots of each live worker."""

    queued: int = 0
    running: int = 0
    sent: int = 0
    parked: int = 0
    workers: Mapping[str, int] = field(default_factory=dict)


#: Gives the next event of a job; None: leave it as it is.
Decision = Callable[[Job], JobEvent | None]
#: Makes the webhook deliveries of an event from the job as it is afterwards.
Notices = Callable[[Job, JobEvent], Sequence[Notice]]
