"""Batches: jobs that are submitted together, all or none, and counted and canceled together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from jobs.dispatcher import Dispatcher
from jobs.errors import BatchNotFound, JobGone, JobNotFound, KeyReused, QuotaExceeded
from jobs.files import ArtifactError
from jobs.idempotency import Idempotency
from jobs.ids import new_id
from jobs.model import Job, Noun, Status
from jobs.record.store import JobStore
from jobs.service import JobService
from jobs.submissions import Submission, Submissions

#: Most jobs of one batch.
SIZE_LIMIT = 100

_encode = msgspec.json.Encoder().encode


class Batch(Noun, frozen=True, kw_only=True):
    """Jobs that were submitted together."""

    id: str
    owner: str
    created_at: float
    job_ids: tuple[str, ...]


_batch = msgspec.json.Decoder(Batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """The status of each job of a batch (of a deleted one the last that it had), and the progress of all, 0 to 1."""

    batch: Batch
    states: Mapping[str, Status]
    progress: float

    @property
    def counts(self) -> Mapping[Status, int]:
        """The number of jobs in each state."""
        return Counter(self.states.values())

    @property
    def has_ended(self) -> bool:
        """Whether all of its jobs have ended."""
        return all(status.is_terminal for status in self.states.values())


class BatchService:
    """What a client may do with batches."""

    def __init__(self, store: JobStore, submissions: Submissions, dispatcher: Dispatcher, jobs: JobService) -> None:
        self._store = store
        self._submissions = submissions
        self._dispatcher = dispatcher
        self._jobs = jobs

    def accept(self, owner: str, submissions: Sequence[Submission], once: Idempotency) -> tuple[Batch, bool]:
        """Accept a batch of at most :data:`SIZE_LIMIT` jobs: all, or none. Of the marks only the key counts.

        Returns:
            The batch, and whether an earlier sending of the request made it.

        Raises:
            KeyReused: The idempotency key came with another request before.
            QuotaExceeded: The owner or an end user would have more jobs waiting than allowed; nothing is left.
            StoreUnavailable: It was not written, or the answer got lost: then it runs all the same.
            ArtifactError: An image could not be stored; nothing is left.
        """
        batch_id = new_id("batch")
        made: list[tuple[Job, bytes | None]] = []
        try:
            made.extend(self._submissions.prepare(submission, batch_id) for submission in submissions)
            jobs = tuple(job for job, _ in made)
            batch = Batch(id=batch_id, owner=owner, created_at=jobs[0].created_at, job_ids=tuple(j.id for j in jobs))
            first = self._store.create_batch(
                batch_id, _encode(batch), jobs, {job.id: locked for job, locked in made if locked is not None},
                once if once.key is not None else None,
            )  # fmt: skip
        except (KeyReused, QuotaExceeded, ArtifactError):
            self._drop(made)
            raise
        if first is not None:
            self._drop(made)
            return self.get(first, owner), True
        self._dispatcher.dispatch()
        return batch, False

    def _drop(self, made: Sequence[tuple[Job, bytes | None]]) -> None:
        for job, _ in made:
            self._submissions.discard(job)

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
        doc = self._store.batch(batch_id)
        batch = None if doc is None else _batch.decode(doc)
        if batch is None or batch.owner != owner:
            raise BatchNotFound(f"there is no batch {batch_id}")
        return batch

    def members(self, batch_id: str, owner: str | None) -> tuple[str, ...]:
        """The ids of a batch's jobs; none where there is no such batch of this owner (None: of any)."""
        doc = self._store.batch(batch_id)
        batch = None if doc is None else _batch.decode(doc)
        return batch.job_ids if batch is not None and owner in {None, batch.owner} else ()

    def state(self, batch: Batch) -> BatchState:
        """The batch's state now."""
        records = self._store.get_many(batch.job_ids)
        gone = [job_id for job_id in batch.job_ids if job_id not in records]
        states = {job_id: record.job.status for job_id, record in records.items()}
        states |= {stone.id: stone.status for stone in self._store.tombstones(gone)}
        done = sum(1.0 if job_id not in records else _share(records[job_id].job) for job_id in states)
        ordered = {job_id: states[job_id] for job_id in batch.job_ids if job_id in states}
        return BatchState(batch=batch, states=ordered, progress=round(done / max(1, len(states)), 4))

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
