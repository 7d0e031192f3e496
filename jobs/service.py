"""Use cases of a client: submit, look, cancel, delete. No HTTP here, and no validation of inputs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from msgspec import structs

from jobs import cache, events
from jobs.errors import JobGone, JobNotFound, KeyReused, QuotaExceeded, StoreUnavailable
from jobs.failpoints import failpoint
from jobs.files import ArtifactError, ArtifactStore
from jobs.idempotency import Idempotency, once_of
from jobs.ids import new_job_id
from jobs.model import Job, Priority, Status, Strategy, Tombstone, Webhook
from jobs.queue import Publisher
from jobs.record.store import JobStore
from jobs.record.types import Page, Record
from jobs.vault import Vault

log = logging.getLogger(__name__)

#: Hexadecimal digits of a cache key: 128 bits.
_KEY_LENGTH: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request that was validated.

    ``inputs`` has the providers that may run it, in the order in which they are asked, each with ``given`` as it would
    use it. Images are named by their hash in all of them; ``images`` has, by this hash, the image itself or the id under
    which the artifact store has it. ``embed_recipe`` None: the operator's setting holds. ``cache`` "allow": the result
    of an earlier job of the owner may answer it.
    """

    owner: str
    model: str
    given: dict[str, Any]
    inputs: Mapping[str, dict[str, Any]]
    provider: str | None = None
    strategy: Strategy = "failover"
    priority: Priority = Priority.NORMAL
    metadata: dict[str, str] = field(default_factory=dict)
    webhook: Webhook | None = None
    deadline_seconds: float | None = None
    retention_seconds: int = 86_400
    embed_recipe: bool | None = None
    cache: Literal["off", "allow"] = "off"
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    retry_of: str | None = None
    images: Mapping[str, bytes | str] = field(default_factory=dict, repr=False)

    @property
    def route(self) -> tuple[str, ...]:
        """The providers that may run it, in order."""
        return tuple(self.inputs)

    @property
    def input(self) -> dict[str, Any]:
        """The input as the first of them would use it."""
        return next(iter(self.inputs.values()))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted; ``replayed`` where an earlier sending of the same request made it."""

    record: Record
    replayed: bool = False


class JobService:
    """What a client may do with jobs; used by every HTTP dialect.

    Args:
        store: The records.
        publisher: Wakes workers.
        artifacts: Finished files.
        vault: Encrypts credentials.
        embed_recipe: Whether files hold their recipe, where a job does not say.
    """

    def __init__(
        self,
        store: JobStore,
        publisher: Publisher,
        artifacts: ArtifactStore,
        vault: Vault,
        *,
        embed_recipe: bool = True,
    ) -> None:
        self._embed_recipe = embed_recipe
        self.store = store
        self.artifacts = artifacts
        self._publisher = publisher
        self._vault = vault

    def submit(self, submission: Submission) -> Record:
        """Accept a job; see :meth:`accept`."""
        return self.accept(submission).record

    def once(
        self, *, owner: str, route: str, path: str, body: bytes, key: str | None = None, repeated: bool = False
    ) -> Idempotency:
        """The marks of a request; see :func:`jobs.idempotency.once_of`."""
        return once_of(self._vault, owner=owner, route=route, path=path, body=body, key=key, repeated=repeated)

    def made(self, once: Idempotency) -> Record | None:
        """The job that an earlier sending of the request made; see :meth:`jobs.record.store.JobStore.made`."""
        return self.store.made(once)

    def accept(self, submission: Submission, once: Idempotency | None = None) -> Accepted:
        """Accept a job: once this returns, it will not be lost.

        Args:
            submission: What is to be done.
            once: The marks of the request: sent again, it gets the job that it made first.

        Raises:
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: As many jobs of this owner, or of this end user, wait as may; nothing is left of this one.
            StoreUnavailable: It was not written, or the answer that it was got lost: then it runs all the same.
            ArtifactError: A picture of the input could not be stored; nothing is left of the job.
        """
        job, secret = self.prepare(submission)
        try:
            record = self.store.create(job, secret, once)
        except (KeyReused, JobGone, QuotaExceeded):
            self.artifacts.delete(job.id)
            raise
        if record.job.id != job.id:
            self.artifacts.delete(job.id)
            return Accepted(record, replayed=True)
        failpoint("recorded")
        if record.job.status is Status.QUEUED:
            self.wake()
        failpoint("published")
        return Accepted(record)

    def prepare(self, submission: Submission, batch_id: str | None = None) -> tuple[Job, bytes | None]:
        """A job that is not written yet, its pictures stored, and its encrypted credentials.

        Where an earlier job's result answers it, it has succeeded already, and its files are there.

        Raises:
            ArtifactError: A picture of the input could not be stored, or is no longer there; nothing is left of the job.
        """
        if submission.embed_recipe is None:
            submission = replace(submission, embed_recipe=self._embed_recipe)
        job = self._answered(self.job(submission, new_job_id(), batch_id), submission)
        try:
            for digest, content in submission.images.items():
                if isinstance(content, bytes):
                    self.artifacts.put(job.id, content)
                else:
                    self.artifacts.share(content, digest, job.id)
        except ArtifactError:
            self.artifacts.delete(job.id)
            raise
        secret = self._vault.lock(job.id, submission.credentials) if submission.credentials else None
        return job, secret

    def job(self, submission: Submission, job_id: str, batch_id: str | None = None) -> Job:
        """The job as it is written first."""
        account = None
        if submission.credentials:
            # All of them count: without a token it is the address of the proxy that has the quota.
            account = self._vault.fingerprint(json.dumps(dict(submission.credentials), sort_keys=True).encode())[:16]
        return structs.replace(_job_of(submission, job_id, self.store.now(), batch_id), account=account)

    def _answered(self, job: Job, submission: Submission) -> Job:
        """The job with what the cache has for it."""
        same = cache.identity(job)
        key = None if same is None else self._vault.fingerprint(same)[:_KEY_LENGTH]
        job = structs.replace(job, cache_key=key)
        if submission.cache == "off":
            return job
        if key is None:
            return structs.replace(job, cache="miss", warnings=(*job.warnings, cache.ELUSIVE))
        first = self.store.recall(key)
        if first is None or not self._hand_on(first, job.id):
            return structs.replace(job, cache="miss")
        return cache.recalled(job, first)

    def _hand_on(self, first: Job, job_id: str) -> bool:
        """Give another job the outputs of one; False where that is being deleted just now, or the disk is full."""
        try:
            for output in first.outputs:
                if output.sha256 is not None:
                    self.artifacts.share(first.id, output.sha256, job_id)
        except ArtifactError:
            self.artifacts.delete(job_id)
            return False
        return True

    def wake(self, *, thoroughly: bool = False) -> int:
        """Send what may run to the workers; answers how many. A failure is left to the reconciler.

        Args:
            thoroughly: Look far behind users of whom nothing can run; done once a second.
        """
        try:
            chosen = self.store.dispatch(looks=1000) if thoroughly else self.store.dispatch()
            for job_id in chosen:
                self._publisher.publish(job_id)
        except StoreUnavailable as error:
            log.warning("jobs wait for the reconciler: %s", error)
            return 0
        return len(chosen)

    def send_again(self, job_id: str) -> None:
        """Give the message of a job to another worker.

        Raises:
            StoreUnavailable: The broker did not take it.
        """
        self._publisher.publish(job_id)

    def resend(self, older_than: float) -> int:
        """Send again what was sent so many seconds ago and was not claimed; answers how many."""
        late = self.store.unsent(older_than)
        for job_id in late:
            self._publisher.publish(job_id)
        return len(late)

    def get(self, job_id: str, owner: str | None) -> Record:
        """A job of this owner (of anybody where None).

        Raises:
            JobNotFound: There is none, or it is another owner's.
            JobGone: There was one.
        """
        try:
            record = self.store.get(job_id)
        except JobGone as gone:
            if owner is not None and gone.tombstone.owner != owner:
                raise JobNotFound(f"there is no job {job_id}") from None
            raise
        if owner is not None and record.job.owner != owner:
            raise JobNotFound(f"there is no job {job_id}")
        return record

    def page(
        self,
        owner: str | None,
        *,
        cursor: str | None,
        limit: int,
        keep: Callable[[Job], bool] = lambda _: True,
        since: float | None = None,
        until: float | None = None,
    ) -> Page:
        """A part of the owner's jobs, newest first; see :meth:`jobs.record.store.JobStore.page`."""
        return self.store.page(owner, cursor=cursor, limit=limit, keep=keep, since=since, until=until)

    def cancel(self, job_id: str, owner: str | None) -> Record:
        """End a job: a queued one at once, a running one as soon as its worker lets go. A finished one stays."""
        self.get(job_id, owner)

        def decide(job: Job) -> events.JobEvent | None:
            now = self.store.now()
            if job.status is Status.QUEUED:
                return events.Canceled(at=now)
            if job.status is Status.RUNNING and job.cancel_requested_at is None:
                return events.CancelRequested(at=now)
            return None

        record = self.store.change(job_id, decide)
        self.wake()
        return record

    def delete(self, job_id: str, owner: str | None) -> None:
        """Delete a job and its files now; one that has not ended is canceled first."""
        self.get(job_id, owner)

        def decide(job: Job) -> events.JobEvent | None:
            # Without waiting for the worker: its lease is void from here on, and it ends the upstream's work itself.
            return None if job.status.is_terminal else events.Canceled(at=self.store.now())

        record = self.store.change(job_id, decide)
        self.purge(record.job, "deleted")
        self.wake()

    def purge(self, job: Job, reason: str) -> None:
        """Delete a finished job's files and replace it by its tombstone.

        Files first: if this breaks off, the job is still there to be deleted again.
        """
        self.artifacts.delete(job.id)
        stone = Tombstone(
            id=job.id,
            owner=job.owner,
            status=job.status,
            reason="deleted" if reason == "deleted" else "expired",
            finished_at=job.finished_at or job.created_at,
            deleted_at=self.store.now(),
        )
        self.store.purge(stone)


def _job_of(submission: Submission, job_id: str, now: float, batch_id: str | None) -> Job:
    return Job(
        id=job_id,
        owner=submission.owner,
        user=fair_user(submission.owner, submission.metadata.get("user")),
        model=submission.model,
        route=submission.route,
        requested_provider=submission.provider,
        given=submission.given,
        input=submission.input,
        strategy=submission.strategy,
        priority=submission.priority,
        metadata=submission.metadata,
        webhook=submission.webhook,
        retention_seconds=submission.retention_seconds,
        deadline_at=None if submission.deadline_seconds is None else now + submission.deadline_seconds,
        embed_recipe=submission.embed_recipe is not False,
        has_credentials=bool(submission.credentials),
        created_at=now,
        warnings=submission.warnings,
        retry_of=submission.retry_of,
        batch_id=batch_id,
    )


def fair_user(owner: str, user: str | None) -> str:
    """Between whom the queue is fair: the owner, or the end user behind one. Hashed, since it becomes part of a key."""
    if not user:
        return owner
    return f"{owner}/{hashlib.sha256(user.encode()).hexdigest()[:16]}"
