"""The store of jobs: every change of a record but those that belong to a running attempt (:mod:`jobs.record.leases`).

The state machine is not here: this package compares and appends.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from jobs.errors import IllegalTransition, LeaseLost, QuotaExceeded, RateExceeded
from jobs.events import first_event
from jobs.idempotency import Idempotency
from jobs.limits import UNLIMITED, Limits
from jobs.model import Job, Status, Tombstone
from jobs.record.commit import NOTHING, Beside, Step, commit, waiting_limits
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.job_queue import or_empty
from jobs.record.reader import JobReader
from jobs.record.tombstones import packed, place
from jobs.record.types import Accepted, Charge, Decision, Notices, QueuePlace, Record
from jobs.states import apply

#: Days for which it is remembered that a job was deleted, where nobody says otherwise.
TOMBSTONE_DAYS: Final = 30

_encode = msgspec.json.Encoder().encode


class JobStore(JobReader):
    """The record of all jobs, on Redis or Valkey 6.2 or newer.

    ``limits`` are for every API key that does not have its own. ``notices`` makes the webhook deliveries of an event,
    which are written with it. Deleted jobs are remembered for ``tombstone_days``; 0: they are forgotten at once.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        limits: Limits = UNLIMITED,
        notices: Notices = lambda _job, _event: (),
        tombstone_days: int = TOMBSTONE_DAYS,
    ) -> None:
        super().__init__(connection)
        self._tombstone_seconds = tombstone_days * 86_400
        self._limits = limits
        self._notices = notices

    def accept(
        self,
        job: Job,
        secret: bytes | None = None,
        once: Idempotency | None = None,
        *,
        charge: Charge | None = None,
        send: int = 0,
    ) -> Accepted:
        """Write a new job, its first event, its encrypted credentials, and the marks of the request, in one step.

        In the same step the request is counted (``charge``), and at most ``send`` jobs are sent to workers,
        chosen fairly; this one, if it may run now. A job that has succeeded already (from the cache) never waits. Where
        an earlier sending of the request made a job, nothing is written, and that job is returned.

        Raises:
            RateExceeded: The charge was refused.
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: The owner or the end user has as many jobs waiting as allowed.
            StoreFull: Redis has no room for another job.
        """
        self._connection.memory.check_room()
        event = first_event(job)
        step = Step(
            job=job, event=event, once=once, limits=self._limits, notices=self._notices(job, event), secret=secret
        )
        spent, *answers = self._accept(step, charge, send)
        if charge is not None and not charge.settle(spent):
            raise RateExceeded("the request exceeds a rate limit")
        # As commit.lua answers to others.
        answer = [str(part).encode() for part in answers[0]]
        if answer[0] == b"full":
            raise _exceeded(answer)
        if answer[0] == b"made" and once is not None:
            return Accepted(self.get(once.match(answer[1].decode(), answer[2].decode())), replayed=True)
        if answer[0] != b"ok":
            # The answer of our own write was lost, and a worker was quick: ids are unique, so the job is ours.
            return Accepted(self.get(job.id))
        return Accepted(step.record(answer), QueuePlace.of(answers[1]))

    def _accept(self, step: Step, charge: Charge | None, send: int) -> list[Any]:
        limits = [or_empty(self._limits.running), or_empty(self._limits.user_running)]
        asked: dict[str, Any] = {"id": step.job.id, "limits": limits}
        if charge is not None:
            asked["spend"] = charge.arguments()
        if send:
            asked["send"] = [send, *limits]
        arguments = (_encode(asked), *step.arguments())

        def run(identity: str) -> list[Any]:
            answer = self._connection.run("accept", identity, *arguments, keys=step.keys)
            found: list[Any] = msgspec.json.decode(answer) if isinstance(answer, bytes) else answer
            return found

        return self._connection.patiently(lambda: self._connection.in_right_database(run))

    def create_batch(
        self, batch_id: str, batch: bytes, jobs: Sequence[Job], locked: Mapping[str, bytes], once: Idempotency | None
    ) -> str | None:
        """Write a batch (``batch`` is its record), its jobs, and their encrypted credentials in one transaction.

        Returns:
            The batch that an earlier sending of the request made; None: this one was written.

        Raises:
            KeyReused: The idempotency key came with another request before.
            QuotaExceeded: The owner or an end user would have more jobs waiting than allowed.
            StoreFull: Redis has no room for more jobs.
        """
        self._connection.memory.check_room()
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
        steps = [
            Step(job=job, event=event, notices=self._notices(job, event), secret=locked.get(job.id))
            for job, event in made
        ]
        arguments = [(step.keys, step.arguments()) for step in steps]

        def write(identity: str) -> list[bytes]:
            pipe = self._redis.pipeline(transaction=True)
            self._connection.queue(pipe, "batch", identity, head, batch)
            for names, given in arguments:
                self._connection.queue(pipe, "commit", "", *given, keys=names)
            answer: list[bytes] = pipe.execute()[0]
            return answer

        answer = self._connection.in_right_database(write)
        if answer[0] == b"ok":
            return None
        if answer[0] == b"full" or once is None:
            raise _exceeded(answer)
        return once.match(answer[1].decode(), answer[2].decode())

    def change(
        self,
        job_id: str,
        decide: Decision,
        *,
        fence: int | None = None,
        lapsed: bool = False,
        sent_to: str | None = None,
        known: Record | None = None,
        beside: Beside = NOTHING,
    ) -> Record:
        """Read, decide, apply, and write snapshot and event together; again where another writer was faster.

        ``fence``, ``lapsed``, ``sent_to`` and ``beside`` are those of :class:`jobs.record.commit.Step`; where ``lapsed``
        or ``sent_to`` does not hold, the job is left as it is. ``known`` is the record as the caller wrote it last: it
        saves reading it, unless someone else has changed it since.

        Raises:
            IllegalTransition: The state table has no such move.
            LeaseLost: ``fence`` is not the running attempt's.
            Contended: Other writers were faster each time.
        """

        def write() -> Record:
            nonlocal known
            record, known = known or self.get(job_id), None
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
            step = Step(
                job=job,
                event=event,
                version=record.version,
                fence=fence,
                lapsed=lapsed,
                sent_to=sent_to,
                notices=notices,
                beside=beside,
            )
            answer = commit(self._connection, step)
            match answer[0]:
                case b"ok":
                    return step.record(answer)
                case b"held" | b"unsent":
                    return record
                case b"lost":
                    raise LeaseLost(f"another attempt runs {job_id} now")
                case _:
                    raise Conflict

        return retrying(job_id, write)

    def purge(self, tombstone: Tombstone) -> bool:
        """Replace a finished job by its tombstone, or find that this was done; False: it is not finished."""
        stored = (*place(tombstone.id), packed(tombstone))
        return bool(self._connection.run("purge", tombstone.id, *stored, self._tombstone_seconds))


def _exceeded(answer: Sequence[bytes]) -> QuotaExceeded:
    """The error for a script's answer {'full', name of the limit, limit}."""
    return QuotaExceeded(answer[1].decode(), int(answer[2]))
