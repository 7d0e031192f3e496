"""The store of jobs: every change of a record but those that belong to a running attempt (:mod:`jobs.record.leases`).

The state machine is not here: this package compares and appends.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from jobs.errors import IllegalTransition, LeaseLost, QuotaExceeded
from jobs.events import first_event
from jobs.idempotency import Idempotency
from jobs.limits import UNLIMITED, Limits
from jobs.model import Job, Status, Tombstone
from jobs.record import keys
from jobs.record.client import available
from jobs.record.commit import Step, commit, waiting_limits
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.reader import JobReader
from jobs.record.types import Decision, Notices, Record
from jobs.states import apply

#: Seconds that the credentials of a job are kept at most; they end with the job.
_SECRET_SECONDS: Final = 7 * 86_400

_encode = msgspec.json.Encoder().encode


class JobStore(JobReader):
    """The record of all jobs, on Redis or Valkey 6.2 or newer.

    Args:
        connection: To Redis.
        limits: For every API key that does not have its own.
        notices: Makes the webhook deliveries of an event, which are written with it; the default makes none.
    """

    def __init__(
        self, connection: Connection, *, limits: Limits = UNLIMITED, notices: Notices = lambda _job, _event: ()
    ) -> None:
        super().__init__(connection)
        self._limits = limits
        self._notices = notices

    def create(self, job: Job, secret: bytes | None = None, once: Idempotency | None = None) -> Record:
        """Write a new job, its first event, its encrypted credentials, and the marks of the request, in one step.

        A job that has succeeded already (from the cache) never waits. Where an earlier sending of the request made a
        job, nothing is written, and that job is returned.

        Raises:
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: The owner or the end user has as many jobs waiting as allowed.
        """
        if secret is not None:
            with available():
                # Before the record: a job never waits for credentials that were not written. A leftover of a
                # submission that failed in between dies by itself.
                self._redis.set(keys.secret(job.id), secret, ex=_SECRET_SECONDS)
        event = first_event(job)
        step = Step(job=job, event=event, once=once, limits=self._limits, notices=self._notices(job, event))
        answer = commit(self._connection, step)
        if answer[0] in {b"made", b"full"} and secret is not None:
            with available():
                self._redis.delete(keys.secret(job.id))
        if answer[0] == b"full":
            raise _exceeded(answer)
        if answer[0] == b"made" and once is not None:
            return self.get(once.match(answer[1].decode(), answer[2].decode()))
        if answer[0] != b"ok":
            # The answer of our own write was lost, and a worker was quick: ids are unique, so the job is ours.
            return self.get(job.id)
        return step.record(answer)

    def create_batch(
        self, batch_id: str, batch: bytes, jobs: Sequence[Job], locked: Mapping[str, bytes], once: Idempotency | None
    ) -> str | None:
        """Write a batch and its jobs in one transaction.

        Args:
            batch_id: The batch.
            batch: Its record.
            jobs: Its jobs.
            locked: Encrypted credentials by job.
            once: The marks of the request.

        Returns:
            The batch that an earlier sending of the request made; None: this one was written.

        Raises:
            KeyReused: The idempotency key came with another request before.
            QuotaExceeded: The owner or an end user would have more jobs waiting than allowed.
        """
        marks = {} if once is None else {"once": once.arguments()}
        users = Counter(job.user for job in jobs if job.status is Status.QUEUED)
        counted = {
            "owner": jobs[0].owner,
            "waiting": users.total(),
            "users": users,
            "most": waiting_limits(self._limits),
        }
        head = _encode({"id": batch_id, "op": secrets.token_hex(8), "left": len(jobs), **counted, **marks})
        made = [(job, first_event(job)) for job in jobs]
        steps = [Step(job=job, event=event, notices=self._notices(job, event)) for job, event in made]
        arguments = [(step.keys, step.arguments()) for step in steps]

        def write(identity: str) -> list[bytes]:
            pipe = self._redis.pipeline(transaction=True)
            for job_id, secret in locked.items():
                pipe.set(keys.secret(job_id), secret, ex=_SECRET_SECONDS)
            self._connection.queue(pipe, "batch", identity, head, batch)
            for names, given in arguments:
                self._connection.queue(pipe, "commit", "", *given, keys=names)
            answer: list[bytes] = pipe.execute()[len(locked)]
            return answer

        answer = self._connection.in_right_database(write)
        if answer[0] == b"ok":
            return None
        if locked:
            with available():
                self._redis.delete(*map(keys.secret, locked))
        if answer[0] == b"full" or once is None:
            raise _exceeded(answer)
        return once.match(answer[1].decode(), answer[2].decode())

    def change(self, job_id: str, decide: Decision, *, fence: int | None = None, lapsed: bool = False) -> Record:
        """Read, decide, apply, and write snapshot and event together; again where another writer was faster.

        Args:
            job_id: The job.
            decide: Gives the next event; None leaves the job as it is.
            fence: Of the attempt that writes; only the running one may.
            lapsed: Leave a running job as it is whose lease has been renewed meanwhile.

        Raises:
            IllegalTransition: The state table has no such move.
            LeaseLost: ``fence`` is not the running attempt's.
            Contended: Other writers were faster each time.
        """

        def write() -> Record:
            record = self.get(job_id)
            event = decide(record.job)
            if event is None:
                return record
            try:
                job = apply(record.job, event)
            except IllegalTransition:
                if fence is not None:
                    raise LeaseLost(f"{job_id} is {record.job.status}") from None
                raise
            notices = self._notices(job, event)
            step = Step(job=job, event=event, version=record.version, fence=fence, lapsed=lapsed, notices=notices)
            answer = commit(self._connection, step)
            match answer[0]:
                case b"ok":
                    return step.record(answer)
                case b"held":
                    return record
                case b"lost":
                    raise LeaseLost(f"another attempt runs {job_id} now")
                case _:
                    raise Conflict

        return retrying(job_id, write)

    def purge(self, tombstone: Tombstone) -> bool:
        """Replace a finished job by its tombstone, or find that this was done; False: it is not finished."""
        return bool(self._connection.run("purge", tombstone.id, _encode(tombstone)))


def _exceeded(answer: Sequence[bytes]) -> QuotaExceeded:
    """The error for a script's answer {'full', name of the limit, limit}."""
    return QuotaExceeded(answer[1].decode(), int(answer[2]))
