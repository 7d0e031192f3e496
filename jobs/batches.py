"""Jobs that were submitted together: written together or not at all, counted together, canceled together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from jobs.errors import BatchNotFound, JobGone, JobNotFound, KeyReused, QuotaExceeded
from jobs.files import ArtifactError
from jobs.idempotency import Idempotency
from jobs.ids import new_batch_id
from jobs.model import Job, Noun, Status, Tombstone
from jobs.record import keys
from jobs.record.client import available
from jobs.record.connection import Connection
from jobs.record.store import JobStore
from jobs.service import JobService, Submission

#: Most jobs of one batch.
SIZE_LIMIT = 100

_encode = msgspec.json.Encoder().encode
_tombstone = msgspec.json.Decoder(Tombstone)


class Batch(Noun, frozen=True, kw_only=True):
    """Jobs that were submitted together."""

    id: str
    owner: str
    created_at: float
    job_ids: tuple[str, ...]


_batch = msgspec.json.Decoder(Batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a batch stands.

    Args:
        batch: The batch.
        states: The status of each job, of deleted ones the last.
        progress: Of all together, 0 to 1.
    """

    batch: Batch
    states: Mapping[str, Status]
    progress: float

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many jobs are in each state."""
        return Counter(self.states.values())

    @property
    def has_ended(self) -> bool:
        """Whether none of its jobs will change any more."""
        return all(status.is_terminal for status in self.states.values())


class BatchService:
    """What a client may do with batches.

    Args:
        connection: To Redis.
        store: The records.
        jobs: Makes and cancels jobs.
    """

    def __init__(self, connection: Connection, store: JobStore, jobs: JobService) -> None:
        self._redis = connection.redis
        self._store = store
        self._jobs = jobs

    def accept(self, owner: str, submissions: Sequence[Submission], once: Idempotency) -> tuple[Batch, bool]:
        """Accept a batch: all of its jobs, or none.

        Args:
            owner: Whose batch it is.
            submissions: At most :data:`SIZE_LIMIT`.
            once: The marks of the request; only its key counts.

        Returns:
            The batch, and whether an earlier sending of the request made it.

        Raises:
            KeyReused: The idempotency key came with another request before.
            QuotaExceeded: So many more jobs of this owner, or of an end user, may not wait; nothing is left.
            StoreUnavailable: It was not written, or the answer that it was got lost: then it runs all the same.
            ArtifactError: A picture could not be stored; nothing is left.
        """
        batch_id = new_batch_id()
        made: list[tuple[Job, bytes | None]] = []
        try:
            made.extend(self._jobs.prepare(submission, batch_id) for submission in submissions)
            jobs = tuple(job for job, _ in made)
            batch = Batch(id=batch_id, owner=owner, created_at=jobs[0].created_at, job_ids=tuple(j.id for j in jobs))
            first = self._store.create_together(
                batch_id, _encode(batch), jobs, {job.id: locked for job, locked in made if locked is not None},
                once if once.key is not None else None,
            )  # fmt: skip
        except (KeyReused, QuotaExceeded, ArtifactError):
            self._drop(made)
            raise
        if first is not None:
            self._drop(made)
            return self.get(first, owner), True
        self._jobs.wake()
        return batch, False

    def _drop(self, made: Sequence[tuple[Job, bytes | None]]) -> None:
        for job, _ in made:
            self._jobs.artifacts.delete(job.id)

    def made(self, once: Idempotency, owner: str) -> Batch | None:
        """The batch that an earlier sending of the request made.

        Raises:
            KeyReused: The key came with another request.
        """
        first = None if once.key is None else self._store.first_of(once)
        return None if first is None else self.get(first, owner)

    def get(self, batch_id: str, owner: str) -> Batch:
        """A batch of this owner.

        Raises:
            BatchNotFound: There is none, or it is another owner's.
        """
        with available():
            doc = self._redis.hget(keys.batch(batch_id), "doc")
        batch = None if doc is None else _batch.decode(doc)
        if batch is None or batch.owner != owner:
            raise BatchNotFound(f"there is no batch {batch_id}")
        return batch

    def standing(self, batch: Batch) -> Standing:
        """How it stands now."""
        records = self._store.get_many(batch.job_ids)
        gone = [job_id for job_id in batch.job_ids if job_id not in records]
        states = {job_id: record.job.status for job_id, record in records.items()}
        if gone:
            with available():
                rows = self._redis.mget([keys.tombstone(job_id) for job_id in gone])
            stones = [_tombstone.decode(row) for row in rows if row is not None]
            states |= {stone.id: stone.status for stone in stones}
        done = sum(1.0 if job_id not in records else _share(records[job_id].job) for job_id in states)
        ordered = {job_id: states[job_id] for job_id in batch.job_ids if job_id in states}
        return Standing(batch=batch, states=ordered, progress=round(done / max(1, len(states)), 4))

    def cancel(self, batch: Batch) -> None:
        """Cancel each of its jobs that has not ended."""
        for job_id, record in self._store.get_many(batch.job_ids).items():
            if not record.job.status.is_terminal:
                with suppress(JobGone, JobNotFound):
                    self._jobs.cancel(job_id, batch.owner)


def _share(job: Job) -> float:
    """How far a job is, 0 to 1."""
    if job.status.is_terminal:
        return 1.0
    return 0.0 if job.progress is None or job.progress.fraction is None else job.progress.fraction
