"""The values that the record gives and takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from jobs.events import JobEvent
from jobs.model import Job

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

    Args:
        running: How many run, or are on their way to a worker.
        limit: How many may; None: any number.
        position: How many wait before the job.
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
    """The place of a queued job: how many jobs were queued before it, and the groups whose limits hold for it."""

    position: int
    groups: tuple[LimitGroup, ...] = ()


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


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One entry of a job's event log; ``id`` orders them and serves as the SSE id."""

    id: str
    event: JobEvent


def logged(rows: Iterable[Any]) -> tuple[LoggedEvent, ...]:
    """The events of a job's stream."""
    return tuple(LoggedEvent(entry_id.decode(), _event.decode(fields[b"e"])) for entry_id, fields in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A webhook delivery that is written together with the change that it tells of.

    Args:
        id: The delivery's id.
        owner: The owner of the job.
        host: The receiver's host.
        record: The delivery's record, as JSON.
        body: The body that is sent.
        interval: Least seconds since the job's last delivery with an interval; None: at once.
    """

    id: str
    owner: str
    host: str
    record: bytes
    body: bytes
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first, and the cursor of the next part (None: there is none)."""

    records: tuple[Record, ...]
    next_cursor: str | None = None


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
