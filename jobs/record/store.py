"""The store on Redis: a hash and a stream per job, and scripts that keep the indexes in step.

:mod:`jobs.record.keys` lists every key. The state machine is not here: this module
compares and appends.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from jobs import events
from jobs.errors import IllegalTransition, JobGone, JobNotFound, KeyReused, LeaseLost, QuotaExceeded
from jobs.idempotency import Idempotency
from jobs.limits import UNLIMITED, Limits
from jobs.model import Job, Priority, Status, Tombstone
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.types import Decision, Lease, LoggedEvent, Notice, Notices, Overview, Page, Record
from jobs.states import apply

_job = msgspec.json.Decoder(Job)
_event = msgspec.json.Decoder(events.JobEvent)
_tombstone = msgspec.json.Decoder(Tombstone)
_encode = msgspec.json.Encoder().encode

#: Milliseconds by which a priority moves a job ahead of its own user's others: age wins in the end.
_HEAD_START: Final = {Priority.HIGH: 300_000, Priority.NORMAL: 0, Priority.LOW: -300_000}
#: What a record is read from.
RECORD_FIELDS: Final = ("doc", "v", "oe")
#: So many waiting messages are searched for one that may be lost. Where more wait, it may be sent twice: no harm.
_MESSAGES_READ: Final = 2000
#: A page looks through so many times 200 jobs; one whose filter keeps few is cut short, and its cursor goes on.
_PAGE_READS: Final = 10


def lane_of(job: Job) -> str:
    """Where a queued job stands: those of one user on one route, with the same quota, are in line behind each other."""
    account = "" if job.account is None else f"|{job.account}"
    return f"{job.user}{account}|{','.join(job.route)}"


class JobStore:
    """The record of all jobs, on Redis or Valkey 6.2 or newer.

    Args:
        connection: To Redis. What belongs to a running attempt is tried again for its patience.
        limits: For every key that does not have its own.
        notices: Makes the webhook deliveries of an event, which are written with it; the default makes none.
    """

    def __init__(
        self, connection: Connection, *, limits: Limits = UNLIMITED, notices: Notices = lambda _job, _event: ()
    ) -> None:
        self._connection = connection
        self._redis = connection.redis
        #: The time with which records are stamped.
        self.now = connection.now
        self.limits = limits
        self._notices = notices

    # -- reading -------------------------------------------------------------

    def get(self, job_id: str) -> Record:
        """The job as it stands.

        Raises:
            JobNotFound: There is none.
            JobGone: There was one.
        """
        record = record_of(self._connection.patiently(lambda: self._redis.hmget(keys.job(job_id), *RECORD_FIELDS)))
        if record is not None:
            return record
        stone = self._connection.patiently(lambda: self._tombstone(job_id))
        if stone is not None:
            raise JobGone(stone)
        raise JobNotFound(f"there is no job {job_id}")

    def _tombstone(self, job_id: str) -> Tombstone | None:
        """What is left of a job; in a wrong database nobody can tell."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(keys.tombstone(job_id))
        pipe.hget(keys.IDENTITY, "id")
        stone, found = pipe.execute()
        if (found or b"").decode() != self._connection.database_id:
            self._connection.check_database()
        return None if stone is None else _tombstone.decode(stone)

    def get_many(self, job_ids: Iterable[str]) -> dict[str, Record]:
        """Those of the jobs that exist."""
        ids = list(job_ids)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hmget(keys.job(job_id), *RECORD_FIELDS)
            rows = pipe.execute() if ids else []
        records = {job_id: record_of(row) for job_id, row in zip(ids, rows, strict=True)}
        return {job_id: record for job_id, record in records.items() if record is not None}

    def log(self, job_id: str, after: str = "0", limit: int = 1000) -> Sequence[LoggedEvent]:
        """The log after the event ``after``, oldest first."""
        with available():
            rows = self._redis.xrange(keys.events(job_id), min=f"({after}", count=limit)
        return logged(rows)

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

        A cursor is the creation time and id of the last job seen.
        """
        with available():
            names = (
                [owner] if owner is not None else sorted(name.decode() for name in self._redis.smembers(keys.OWNERS))
            )
        found: list[Record] = []
        lower = "-inf" if since is None else f"({since * 1000:.3f}"
        upper = cursor or ("+inf" if until is None else f"({until * 1000:.3f}")
        for _ in range(_PAGE_READS):
            merged = self._older(names, upper, lower, 200)
            if not merged:
                return Page(tuple(found))
            records = self.get_many(job_id for _, job_id in merged)
            found += [records[job_id] for _, job_id in merged if job_id in records and keep(records[job_id].job)]
            if len(found) > limit:
                last = found[limit - 1].job
                return Page(tuple(found[:limit]), f"{_ms(last.created_at)}:{last.id}")
            upper = f"{int(merged[-1][0])}:{merged[-1][1]}"
        return Page(tuple(found), upper)

    def _older(self, owners: Sequence[str], upper: str, lower: str, count: int) -> list[tuple[float, str]]:
        """Up to ``count`` (created ms, id) before the place ``upper`` and down to ``lower``, newest first."""
        at, _, last = upper.partition(":")
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for owner in owners:
                # Jobs of the same millisecond as the last one are read again and cut off by their id.
                pipe.zrange(
                    keys.owner(owner), cast("int", at), cast("int", lower),
                    desc=True, byscore=True, withscores=True, offset=0, num=count + 50,
                )  # fmt: skip
            answers = pipe.execute() if owners else []
        found = [(score, member.decode()) for answer in answers for member, score in answer]
        rows = [row for row in found if not last or row < (float(at), last)]
        return sorted(rows, reverse=True)[:count]

    # -- writing -------------------------------------------------------------

    def create(self, job: Job, secret: bytes | None = None, once: Idempotency | None = None) -> Record:
        """Write a new job, its first event, its encrypted credentials, and the marks of the request, in one step.

        A job that has succeeded already (from the cache) never waits.

        Where an earlier sending of the request made a job already, nothing is written and that one is answered.

        Raises:
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: As many jobs of this owner, or of this end user, wait as may.
        """
        if secret is not None:
            with available():
                # Before the record: a job never waits for credentials that were not written. A leftover of a
                # submit that failed in between dies by itself.
                self._redis.set(keys.secret(job.id), secret, ex=7 * 86_400)
        answer = self._commit(job, 0, events.first_event(job), once=once)
        if answer[0] in {b"made", b"full"} and secret is not None:
            with available():
                self._redis.delete(keys.secret(job.id))
        if answer[0] == b"full":
            raise _exceeded(answer)
        if answer[0] == b"made" and once is not None:
            return self.get(same(once, answer[1].decode(), answer[2].decode()))
        if answer[0] != b"ok":
            # The answer of our own write was lost, and a worker was quick: ids are unique, so the job is ours.
            return self.get(job.id)
        return Record(job, int(answer[1]), answer[3].decode())

    def made(self, once: Idempotency) -> Record | None:
        """The job that an earlier sending of the request made; raises as :meth:`create`."""
        if once.key is not None:
            first = self.first_of(once)
            return None if first is None else self.get(first)
        if not once.repeated:
            return None
        with available():
            twin = self._redis.get(keys.twin(once.fingerprint))
        record = None if twin is None else self.get_many([twin.decode()]).get(twin.decode())
        return None if record is None or record.job.status.is_unsuccessful else record

    def recall(self, key: str) -> Job | None:
        """The newest job that succeeded at a request with this :attr:`jobs.model.Job.cache_key`, while it is kept."""
        with available():
            found = self._redis.get(keys.cache(key))
        record = None if found is None else self.get_many([found.decode()]).get(found.decode())
        return None if record is None or record.job.cache_key != key else record.job

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
            answer = self._commit(job, record.version, event, fence=fence, lapsed=lapsed)
            if answer[0] == b"ok":
                return Record(job, int(answer[1]), answer[3].decode())
            if answer[0] == b"held":
                return record
            if answer[0] == b"lost":
                raise LeaseLost(f"another attempt runs {job_id} now")
            raise Conflict

        return retrying(job_id, write)

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

        def write() -> Lease | None:
            doc, version, provider, saved = self._connection.patiently(
                lambda: self._redis.hmget(keys.job(job_id), "doc", "v", "provider", "ckpt")
            )
            if doc is None or version is None or provider is None:
                return None
            job = _job.decode(doc)
            if job.status is not Status.QUEUED:
                return None
            name = provider.decode()
            event = events.Started(at=self.now(), provider=name, worker=worker, input=inputs(job, name))
            answer = self._commit(apply(job, event), int(version), event, lease=lease_seconds)
            if answer[0] == b"ok":
                record = Record(apply(job, event), int(answer[1]), answer[3].decode())
                return Lease(record, int(answer[2]), json.loads(saved) if saved else {})
            if answer[0] == b"unsent":
                return None
            raise Conflict

        return retrying(job_id, write)

    def _commit(
        self,
        job: Job,
        version: int,
        event: events.JobEvent,
        *,
        fence: int | None = None,
        lapsed: bool = False,
        lease: float = 0,
        once: Idempotency | None = None,
    ) -> list[bytes]:
        """Write one step; answers as commit.lua says. The nonce makes it safe to send the same step twice."""
        most = self._most() if version == 0 else None
        notices = self._notices(job, event)
        names, given = _step(
            job, version, event, fence=fence, lapsed=lapsed, lease=lease, once=once, most=most, notices=notices
        )

        def commit(identity: str) -> list[bytes]:
            answer: list[bytes] = self._connection.run("commit", identity, *given, keys=names)
            return answer

        return self._connection.patiently(lambda: self._connection.in_right_database(commit))

    def _most(self) -> dict[str, int]:
        """How many jobs may wait, as the scripts take it."""
        found = {"queued": self.limits.queued, "user_queued": self.limits.user_queued}
        return {name: limit for name, limit in found.items() if limit is not None}

    def create_together(
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
            The batch that an earlier sending of the request made; None where this one was written.

        Raises:
            KeyReused: The idempotency key came with another request before.
            QuotaExceeded: So many more jobs of this owner, or of an end user, may not wait.
        """
        marks = {} if once is None else {"once": marks_of(once)}
        waiting = [job.user for job in jobs if job.status is Status.QUEUED]
        counted = {"owner": jobs[0].owner, "waiting": len(waiting), "users": Counter(waiting), "most": self._most()}
        head = _encode({"id": batch_id, "op": secrets.token_hex(8), "left": len(jobs), **counted, **marks})
        made = [(job, events.first_event(job)) for job in jobs]
        steps = [_step(job, 0, event, notices=self._notices(job, event)) for job, event in made]

        def write(identity: str) -> list[bytes]:
            pipe = self._redis.pipeline(transaction=True)
            for job_id, secret in locked.items():
                pipe.set(keys.secret(job_id), secret, ex=7 * 86_400)
            self._connection.queue(pipe, "batch", identity, head, batch)
            for names, given in steps:
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
        return same(once, answer[1].decode(), answer[2].decode())

    def first_of(self, once: Idempotency) -> str | None:
        """The id of what an earlier request with this key made.

        Raises:
            KeyReused: It was another request.
        """
        with available():
            fingerprint, made = self._redis.hmget(keys.once(once.key or ""), "print", "id")
        return same(once, fingerprint.decode(), made.decode()) if fingerprint and made else None

    def save_checkpoints(self, job_id: str, fence: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Store what a later attempt must know, by provider; whatever was stored before is gone.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        self._fenced("checkpoint", job_id, fence, _encode(states))

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
        taken: bytes = self._fenced("hedge", job_id, fence, *providers)
        return taken.decode() or None

    def keep(self, job_id: str, fence: int, provider: str) -> None:
        """Give back the other one of a job's two slots: its attempt there has ended, and this one goes on.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        self._fenced("keep", job_id, fence, provider)

    def _fenced(self, script: str, job_id: str, fence: int, *arguments: str | int | bytes) -> Any:  # noqa: ANN401
        """Run a script that only the running attempt may run: it answers 0 or nothing where the lease is lost."""

        def run() -> object:
            answer = self._connection.run(script, job_id, fence, *arguments)
            if answer in (0, None):
                self._connection.check_database()
            return answer

        answer = self._connection.patiently(run)
        if answer in (0, None):
            raise LeaseLost(f"another attempt runs {job_id} now")
        return answer

    def secret(self, job_id: str) -> bytes | None:
        """The job's encrypted credentials, while it has not ended."""
        return self._connection.patiently(lambda: self._redis.get(keys.secret(job_id)))

    def save_preview(self, job_id: str, fence: int, index: int, picture: bytes) -> None:
        """Keep a preview; older ones than the last few are dropped.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        self._fenced("preview", job_id, fence, index, picture)

    def preview(self, job_id: str, index: int) -> bytes | None:
        """A preview's picture, while it is kept."""
        with available():
            return self._redis.hget(keys.previews(job_id), str(index))

    def purge(self, tombstone: Tombstone) -> bool:
        """Replace a finished job by its tombstone, or find that this was done; False where it is not finished."""
        return bool(self._connection.run("purge", tombstone.id, _encode(tombstone)))

    # -- workers and scheduling ----------------------------------------------

    def beat(self, worker: str, slots: int, lease_seconds: float, leases: Sequence[tuple[str, int]]) -> list[int]:
        """A worker's sign of life for so many seconds; renews its leases (job id, fence).

        ``slots`` is how many jobs it runs at once; 0 signs it off. Answers
        for each lease: 0 it is lost, 1 held, 2 a cancel was asked for.
        """
        given: list[str | int] = [
            worker,
            slots,
            round(lease_seconds * 1000),
            *(part for lease in leases for part in lease),
        ]
        answer = self._connection.in_right_database(lambda identity: self._connection.run("beat", identity, *given))
        return [int(state) for state in answer]

    def wait_control(self, after: str, timeout: float) -> tuple[str, tuple[str, ...]]:
        """Block until a cancel is asked for, of any job: the new cursor and the job ids."""
        entries = self._connection.read({keys.CONTROL: after}, timeout).get(keys.CONTROL, ())
        if not entries:
            return after, ()
        return entries[-1][0].decode(), tuple(fields[b"cancel"].decode() for _, fields in entries)

    def dispatch(self, most: int = 100, looks: int = 200) -> tuple[str, ...]:
        """Choose jobs to send to workers, fairly, as many as there are free slots; the caller publishes them.

        Args:
            most: Jobs at once.
            looks: At so many users it looks, about; where more wait who cannot run, the next calls look further.
        """
        limits = self.limits
        chosen: list[bytes] = self._connection.run(
            "dispatch", most, looks, or_empty(limits.running), or_empty(limits.user_running)
        )
        return tuple(job_id.decode() for job_id in chosen)

    def unsent(self, older_than: float) -> tuple[str, ...]:
        """Jobs whose message was lost: sent so many seconds ago, not claimed, and it waits no more at the broker.

        Each that is looked at is marked as sent now.
        """
        now = _ms(self.now())
        with available():
            late = self._scored(keys.SENT, now - round(older_than * 1000), 500)
            if not late:
                return ()
            self._redis.zadd(keys.SENT, dict.fromkeys(late, now), xx=True)
            # The queue is as long as there are free slots; a message holds its job's id in plain text.
            waiting = b"\n".join(self._redis.lrange(keys.MESSAGES, 0, _MESSAGES_READ - 1))
        return tuple(job_id for job_id in late if job_id.encode() not in waiting)

    def lost(self, limit: int = 500) -> tuple[str, ...]:
        """Running jobs whose lease is over."""
        return self._scored(keys.RUNNING, _ms(self.now()), limit)

    def overdue(self, limit: int = 500) -> tuple[str, ...]:
        """Queued jobs whose deadline has passed."""
        return self._scored(keys.DEADLINE, _ms(self.now()), limit)

    def outlived(self, limit: int = 500) -> tuple[str, ...]:
        """Finished jobs whose retention is over."""
        return self._scored(keys.RETAIN, _ms(self.now()), limit)

    def _scored(self, key: str, until: int, limit: int) -> tuple[str, ...]:
        with available():
            rows = self._redis.zrangebyscore(key, "-inf", until, start=0, num=limit)
        return tuple(row.decode() for row in rows)

    def overview(self) -> Overview:
        """What the scheduler sees."""
        now = _ms(self.now())
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for key in (keys.QUEUED, keys.RUNNING, keys.SENT, keys.DUE):
                pipe.zcard(key)
            pipe.zrangebyscore(keys.WORKERS, now, "+inf")
            pipe.hgetall(keys.SLOTS)
            queued, running, sent, parked, workers, slots = pipe.execute()
        return Overview(queued, running, sent, parked, {name.decode(): int(slots.get(name, 0)) for name in workers})


def _step(
    job: Job,
    version: int,
    event: events.JobEvent,
    *,
    fence: int | None = None,
    lapsed: bool = False,
    lease: float = 0,
    once: Idempotency | None = None,
    most: Mapping[str, int] | None = None,
    notices: Sequence[Notice] = (),
) -> tuple[list[str], list[bytes]]:
    """Keys and arguments of commit.lua for one step."""
    arguments = {
        "id": job.id,
        "op": secrets.token_hex(8),
        "version": version,
        "fence": fence,
        "batch": job.batch_id if version == 0 else None,
        "once": None if once is None else marks_of(once),
        "most": most,
        "lapsed": lapsed or None,
        "status": job.status,
        "cancel": isinstance(event, events.CancelRequested) or None,
        "parks": (isinstance(event, events.Parked) and event.until is not None) or None,
        "created": _ms(job.created_at),
        "lease": round(lease * 1000),
        "not_before": None if job.not_before is None else _ms(job.not_before),
        "deadline": None if job.deadline_at is None else _ms(job.deadline_at),
        "expires": None if job.expires_at is None else _ms(job.expires_at),
        "cache": job.cache_key if job.status is Status.SUCCEEDED else None,
        "owner": job.owner if version == 0 else None,
    }
    if job.status is Status.QUEUED:
        rank = _ms(job.created_at) - _HEAD_START[job.priority]
        arguments |= {"owner": job.owner, "user": job.user, "lane": lane_of(job), "rank": rank}
    if notices:
        arguments["hooks"] = [_hook(notice) for notice in notices]
    given = [_encode({k: v for k, v in arguments.items() if v is not None}), _encode(job), _encode(event)]
    for notice in notices:
        given += [notice.record, notice.body]
    names = [keys.job(job.id), keys.events(job.id)]
    return names, given


def or_empty(limit: int | None) -> int | str:
    """A limit as the scripts take it."""
    return "" if limit is None else limit


def _exceeded(answer: Sequence[bytes]) -> QuotaExceeded:
    """The error for a script's answer {'full', name of the limit, limit}."""
    return QuotaExceeded(answer[1].decode(), int(answer[2]))


def same(once: Idempotency, fingerprint: str, made: str) -> str:
    """What an idempotency key stands for.

    Raises:
        KeyReused: For another request.
    """
    if fingerprint != once.fingerprint:
        raise KeyReused("the idempotency key was used for another request")
    return made


def marks_of(once: Idempotency) -> dict[str, Any]:
    """The marks of a request, as the scripts take them."""
    marks = {
        "print": once.fingerprint,
        "key": once.key,
        "repeated": once.repeated or None,
    }
    return {name: value for name, value in marks.items() if value is not None}


def _hook(notice: Notice) -> dict[str, Any]:
    """As the script takes it."""
    hook: dict[str, Any] = {"id": notice.id, "owner": notice.owner, "host": notice.host}
    return hook if notice.interval is None else {**hook, "every": _ms(notice.interval)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def record_of(row: Sequence[bytes | None]) -> Record | None:
    """The job of :data:`RECORD_FIELDS`; None where there is none."""
    doc, version, event_id = row
    if doc is None or version is None:
        return None
    return Record(_job.decode(doc), int(version), (event_id or b"0").decode())


def logged(rows: Iterable[Any]) -> tuple[LoggedEvent, ...]:
    """The events of a job's stream."""
    return tuple(LoggedEvent(entry_id.decode(), _event.decode(fields[b"e"])) for entry_id, fields in rows)
