"""One step of one job: snapshot, event and indexes change together or not at all (commit.lua)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from jobs import events
from jobs.idempotency import Idempotency
from jobs.limits import Limits
from jobs.model import Job, Priority, Status
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.keys import ms
from jobs.record.types import Notice, Proof, Record

#: Milliseconds by which a priority moves a job ahead of its own user's others: age wins in the end.
_HEAD_START: Final = {Priority.HIGH: 300_000, Priority.NORMAL: 0, Priority.LOW: -300_000}

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a running attempt has to say besides the event, written in the same step.

    Args:
        checkpoints: What a later attempt must know, as JSON, in place of what was stored before.
        works: Its provider works.
    """

    checkpoints: bytes | None = None
    works: Proof | None = None


NOTHING: Final = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of a job, and what must hold for it to be written.

    Args:
        job: The job afterwards.
        event: What happened.
        version: Of the record that it changes; 0: the job is new.
        fence: Of the attempt that writes; only the running one may.
        lapsed: Leave a running job as it is whose lease has been renewed meanwhile.
        sent_to: The provider for which the job must be on its way to a worker.
        lease_seconds: How long the lease of a job that starts to run holds.
        once: The marks of the request that makes the job.
        limits: How many jobs may wait. None: not looked at; the jobs of a batch are counted with it.
        notices: Webhook deliveries that are written with it.
        secret: The encrypted credentials of a new job.
        beside: What a running attempt says with it; not with its last event.
        nonce: Makes it safe to send the step again where the answer was lost.
    """

    job: Job
    event: events.JobEvent
    version: int = 0
    fence: int | None = None
    lapsed: bool = False
    sent_to: str | None = None
    lease_seconds: float = 0.0
    once: Idempotency | None = None
    limits: Limits | None = None
    notices: Sequence[Notice] = ()
    secret: bytes | None = None
    beside: Beside = NOTHING
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def keys(self) -> list[str]:
        """The keys of commit.lua."""
        return [keys.job(self.job.id), keys.events(self.job.id)]

    def arguments(self) -> list[bytes]:
        """The arguments of commit.lua after the database's id."""
        asked = {**self._condition(), **self._change(), **self._place()}
        if self.version == 0:
            asked |= self._creation()
        if self.notices:
            asked["hooks"] = [_hook(notice) for notice in self.notices]
        told = [part for notice in self.notices for part in (notice.record, notice.body)]
        # A new job has no checkpoints yet, and no other has credentials to store.
        last = [part for part in (self.secret, self.beside.checkpoints) if part is not None]
        return [_encode(_present(asked)), _encode(self.job), _encode(self.event), *told, *last]

    def record(self, answer: Sequence[bytes]) -> Record:
        """The record after the answer ``ok``."""
        return Record(self.job, int(answer[1]), answer[3].decode())

    def _condition(self) -> dict[str, Any]:
        return {
            "id": self.job.id,
            "op": self.nonce,
            "version": self.version,
            "fence": self.fence,
            "lapsed": self.lapsed or None,
            "sent_to": self.sent_to,
            "kept": self.beside.checkpoints is not None or None,
            "works": None if self.beside.works is None else self.beside.works.arguments(),
        }

    def _change(self) -> dict[str, Any]:
        job, event = self.job, self.event
        return {
            "status": job.status,
            "cancel": isinstance(event, events.CancelRequested) or None,
            "parks": (isinstance(event, events.Parked) and event.until is not None) or None,
            "created": ms(job.created_at),
            "lease": ms(self.lease_seconds),
            "not_before": None if job.not_before is None else ms(job.not_before),
            "deadline": None if job.deadline_at is None else ms(job.deadline_at),
            "expires": None if job.expires_at is None else ms(job.expires_at),
            "cache": job.cache_key if job.status is Status.SUCCEEDED else None,
        }

    def _creation(self) -> dict[str, Any]:
        return {
            "owner": self.job.owner,
            "batch": self.job.batch_id,
            "locked": self.secret is not None or None,
            "once": None if self.once is None else self.once.arguments(),
            "most": None if self.limits is None else waiting_limits(self.limits),
        }

    def _place(self) -> dict[str, Any]:
        """Where a queued job stands."""
        job = self.job
        if job.status is not Status.QUEUED:
            return {}
        rank = ms(job.created_at) - _HEAD_START[job.priority]
        return {"owner": job.owner, "user": job.user, "lane": lane_of(job), "rank": rank}


def commit(connection: Connection, step: Step) -> list[bytes]:
    """Write a step; answers as commit.lua says. Tried again for the connection's patience.

    Raises:
        WrongDatabase: The job is new, and this is not the right database.
        StoreUnavailable: Redis cannot serve.
    """
    arguments = step.arguments()

    def run(identity: str) -> list[bytes]:
        answer: list[bytes] = connection.run("commit", identity, *arguments, keys=step.keys)
        return answer

    return connection.patiently(lambda: connection.in_right_database(run))


def lane_of(job: Job) -> str:
    """The lane of a queued job: jobs of one user on one route, with the same quota, wait in line behind each other."""
    account = "" if job.account is None else f"|{job.account}"
    return f"{job.user}{account}|{','.join(job.route)}"


def waiting_limits(limits: Limits) -> dict[str, int]:
    """How many jobs may wait, as the scripts take it."""
    return _present({"queued": limits.queued, "user_queued": limits.user_queued})


def _hook(notice: Notice) -> dict[str, Any]:
    every = None if notice.interval is None else ms(notice.interval)
    return _present({"id": notice.id, "owner": notice.owner, "host": notice.host, "every": every})


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
