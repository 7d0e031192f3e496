"""Submissions: from a validated request to a job that will not be lost. No HTTP here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from msgspec import structs

from jobs import cache
from jobs.errors import JobGone, KeyReused, QuotaExceeded, RateExceeded
from jobs.failpoints import failpoint
from jobs.files import ArtifactError, ArtifactStore
from jobs.idempotency import Idempotency, once_of
from jobs.ids import new_id
from jobs.model import Job, Priority, Status, Strategy, Webhook
from jobs.record.job_queue import SENT_TOGETHER
from jobs.record.store import JobStore
from jobs.record.types import Accepted, Charge
from jobs.vault import Vault

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


class Submissions:
    """Accepts submissions; used by every HTTP dialect. ``embed_recipe`` counts where a job does not say."""

    def __init__(
        self,
        store: JobStore,
        artifacts: ArtifactStore,
        vault: Vault,
        *,
        embed_recipe: bool = True,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._vault = vault
        self._embed_recipe = embed_recipe

    def once(
        self, *, owner: str, route: str, path: str, body: bytes, key: str | None = None, repeated: bool = False
    ) -> Idempotency:
        """The marks of a request; see :func:`jobs.idempotency.once_of`."""
        return once_of(self._vault, owner=owner, route=route, path=path, body=body, key=key, repeated=repeated)

    def accept(self, submission: Submission, once: Idempotency | None = None, charge: Charge | None = None) -> Accepted:
        """Accept a job: once this returns, it will not be lost, and it is sent to a worker if one is free.

        Sent again, it gets the job that it made first. ``charge`` counts the request in the same step.

        Raises:
            RateExceeded: The charge was refused; nothing is left of the job.
            KeyReused: The idempotency key came with another request before.
            JobGone: The job that was made then has been deleted.
            QuotaExceeded: The owner or the end user has as many jobs waiting as allowed; nothing is left of this one.
            StoreUnavailable: It was not written, or the answer got lost: then it runs all the same.
            ArtifactError: An image of the input could not be stored; nothing is left of the job.
        """
        job, secret = self.prepare(submission)
        sent = SENT_TOGETHER if job.status is Status.QUEUED else 0
        try:
            accepted = self._store.accept(job, secret, once, charge=charge, send=sent)
        except (RateExceeded, KeyReused, JobGone, QuotaExceeded):
            self.discard(job)
            raise
        if accepted.replayed:
            self.discard(job)
        failpoint("accepted")
        return accepted

    def prepare(self, submission: Submission, batch_id: str | None = None) -> tuple[Job, bytes | None]:
        """A job that is not written yet, with the images of its input stored, and its encrypted credentials.

        A job that an earlier job's result answers has succeeded already, and its files are there.

        Raises:
            ArtifactError: An image could not be stored, or is no longer there; nothing is left of the job.
        """
        job = self._answered(self.job(submission, new_id("job"), batch_id), submission)
        try:
            for digest, content in submission.images.items():
                if isinstance(content, bytes):
                    self._artifacts.put(job.id, content)
                else:
                    self._artifacts.share(content, digest, job.id)
        except ArtifactError:
            self._artifacts.delete(job.id)
            raise
        secret = self._vault.lock(job.id, submission.credentials) if submission.credentials else None
        return job, secret

    def job(self, submission: Submission, job_id: str, batch_id: str | None = None) -> Job:
        """The job as it is written first. Nothing is stored."""
        account = None
        if submission.credentials:
            # All of them count: without a token it is the address of the proxy that has the quota.
            account = self._vault.fingerprint(json.dumps(dict(submission.credentials), sort_keys=True).encode())[:16]
        embed = self._embed_recipe if submission.embed_recipe is None else submission.embed_recipe
        return _job_of(submission, job_id, self._store.now(), batch_id, account=account, embed_recipe=embed)

    def _answered(self, job: Job, submission: Submission) -> Job:
        """The job with the result that the cache has for it, if any."""
        same = cache.identity(job)
        found = () if same is None else tuple(mark[:_KEY_LENGTH] for mark in self._vault.fingerprints(same))
        job = structs.replace(job, cache_key=found[0] if found else None)
        if submission.cache == "off":
            return job
        if not found:
            return structs.replace(job, cache="miss", warnings=(*job.warnings, cache.ELUSIVE))
        first = next((kept for key in found if (kept := self._store.recall(key)) is not None), None)
        if first is None or not self._hand_on(first, job.id):
            return structs.replace(job, cache="miss")
        return cache.recalled(job, first)

    def _hand_on(self, first: Job, job_id: str) -> bool:
        """Share the outputs of one job with another; False: they are being deleted just now, or the disk is full."""
        try:
            for output in first.outputs:
                for digest in filter(None, (output.sha256, output.poster)):
                    self._artifacts.share(first.id, digest, job_id)
        except ArtifactError:
            self._artifacts.delete(job_id)
            return False
        return True

    def discard(self, job: Job) -> None:
        """Delete the files of a job that was prepared and will not be written."""
        self._artifacts.delete(job.id)


def _job_of(
    submission: Submission, job_id: str, now: float, batch_id: str | None, *, account: str | None, embed_recipe: bool
) -> Job:
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
        embed_recipe=embed_recipe,
        account=account,
        has_credentials=bool(submission.credentials),
        created_at=now,
        warnings=submission.warnings,
        retry_of=submission.retry_of,
        batch_id=batch_id,
    )


def fair_user(owner: str, user: str | None) -> str:
    """The user among whom the queue is fair: the owner, or one of its end users. Hashed, since it is part of keys."""
    if not user:
        return owner
    return f"{owner}/{hashlib.sha256(user.encode()).hexdigest()[:16]}"
