"""Use cases of a client with a job that was accepted: cancel, delete. No HTTP here."""

from __future__ import annotations

from jobs import events
from jobs.dispatcher import Dispatcher
from jobs.files import ArtifactStore
from jobs.model import Job, Status, Tombstone
from jobs.record.store import JobStore
from jobs.record.types import Record


class JobService:
    """What becomes of accepted jobs; used by every HTTP dialect."""

    def __init__(self, store: JobStore, dispatcher: Dispatcher, artifacts: ArtifactStore) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._artifacts = artifacts

    def cancel(self, job_id: str, owner: str | None) -> Record:
        """End a job: a queued one at once, a running one as soon as its worker lets go. A finished one stays.

        Raises:
            JobNotFound: There is none, or it is not this owner's (any owner's where None).
            JobGone: It was deleted.
        """
        self._store.get(job_id, owner)

        def decide(job: Job) -> events.JobEvent | None:
            now = self._store.now()
            if job.status is Status.QUEUED:
                return events.Canceled(at=now)
            if job.status is Status.RUNNING and job.cancel_requested_at is None:
                return events.CancelRequested(at=now)
            return None

        record = self._store.change(job_id, decide)
        self._dispatcher.dispatch()
        return record

    def delete(self, job_id: str, owner: str | None) -> None:
        """Delete a job and its files now; one that has not ended is canceled first.

        Raises:
            JobNotFound: There is none, or it is not this owner's (any owner's where None).
            JobGone: It was deleted.
        """
        self._store.get(job_id, owner)

        def decide(job: Job) -> events.JobEvent | None:
            # Without waiting for the worker: its lease is void from here on, and it ends the upstream's work itself.
            return None if job.status.is_terminal else events.Canceled(at=self._store.now())

        record = self._store.change(job_id, decide)
        self.purge(record.job, "deleted")
        self._dispatcher.dispatch()

    def purge(self, job: Job, reason: str) -> None:
        """Delete a finished job's files and replace it by its tombstone.

        Files first: if this breaks off, the job is still there to be deleted again.
        """
        self._artifacts.delete(job.id)
        stone = Tombstone(
            id=job.id,
            owner=job.owner,
            status=job.status,
            reason="deleted" if reason == "deleted" else "expired",
            finished_at=job.finished_at or job.created_at,
            deleted_at=self._store.now(),
        )
        self._store.purge(stone)
