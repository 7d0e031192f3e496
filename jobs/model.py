"""The nouns: a job, its attempts, outputs and failure. Frozen. Times are Unix seconds by Redis' clock.

``msgspec`` structs rather than dataclasses, because the snapshot of a job is
JSON in Redis and is decoded on every poll (docs/explanation/decisions/0002).
Unknown fields are ignored on decoding, so that an older process can read the
record of a newer one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from media import Kind


class Status(StrEnum):
    """The states of a job; :mod:`jobs.states` holds the moves between them."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether a job in this state never changes again."""
        return self not in {Status.QUEUED, Status.RUNNING}

    @property
    def is_unsuccessful(self) -> bool:
        """Whether a job in this state has ended without a result."""
        return self.is_terminal and self is not Status.SUCCEEDED


class Priority(StrEnum):
    """How urgent a job is among the jobs of the same user."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


#: What happens if a job's provider fails or is slow. ``failover``: the next one of the route is tried after a failure.
#: ``single``: no other one is. ``hedge``: the next one is tried beside a slow one, too.
Strategy = Literal["failover", "single", "hedge"]
#: Why a queued job does not run.
WaitReason = Literal[
    "starting",
    "workers_busy",
    "upstream_queue",
    "provider_cooldown",
    "provider_waking",
    "key_limit",
    "paused",
    "no_provider",
]
#: Each reason as a sentence. Its subject is a provider or the service; `until` is the time when jobs are taken again.
_WAIT_MESSAGES: Final[Mapping[WaitReason, str]] = {
    "starting": "A worker is about to start it.",
    "workers_busy": "All workers are busy.",
    "upstream_queue": "{subject} has its own queue, and the job is in it.",
    "provider_cooldown": "{subject} takes no jobs{until}.",
    "provider_waking": "{subject} is waking up.",
    "key_limit": "The limit of jobs running at once is reached.",
    "paused": "{subject} is paused.",
    "no_provider": "No provider for this job is available{until}.",
}
#: What a running job is doing.
Stage = Literal["waiting_upstream", "generating", "downloading", "saving"]
#: How an attempt ended.
Outcome = Literal["succeeded", "failed", "canceled", "handed_back", "lost"]


class Noun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the nouns: frozen, keyword-only, defaults left out of the JSON."""


class Upstream(Noun, frozen=True, kw_only=True):
    """The upstream's own queue: ``rank`` 0 is the next of those waiting; ``eta_seconds`` as it says."""

    rank: int | None = None
    size: int | None = None
    eta_seconds: float | None = None


class Progress(Noun, frozen=True, kw_only=True):
    """How far a running job is: ``fraction`` in 0..1, ``step`` of ``total``.

    ``partial`` is the text so far, of a text that comes bit by bit.
    """

    stage: Stage
    fraction: float | None = None
    step: int | None = None
    total: int | None = None
    message: str | None = None
    partial: str | None = None


class Preview(Noun, frozen=True, kw_only=True):
    """The newest preview, by its number in the job."""

    index: int
    updated_at: float


class Output(Noun, frozen=True, kw_only=True):
    """One finished output: an artifact, a text, or data.

    ``bytes`` is the file's size, ``sha256`` its hex digest, ``filename`` the name to save it under, ``duration`` in
    seconds, ``poster`` the digest of a small image that stands for it. ``label`` and ``caption`` are the app's words. A text or data that is too long for the record is a file too;
    then ``text`` is its begin.
    """

    index: int
    kind: Kind
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    filename: str | None = None
    duration: float | None = None
    frame_rate: float | None = None
    poster: str | None = None
    seed: int | None = None
    label: str | None = None
    caption: str | None = None
    text: str | None = None
    data: Any | UnsetType = UNSET


class Recipe(Noun, frozen=True, kw_only=True):
    """How the outputs of a job were made, beyond what the job itself says.

    ``fixed`` are parameters to use in place of the job's own to get the same result: the seed that was really used.
    ``url`` is there if it is public. ``at``: when the job that ran it was submitted.
    """

    model: str
    version: str
    job_id: str
    at: float
    space: str | None = None
    url: str | None = None
    revision: str | None = None
    fixed: dict[str, Any] = {}


class Failure(Noun, frozen=True, kw_only=True):
    """Why an attempt or a job failed: a stable ``code``, and a text for people."""

    code: str
    detail: str
    retryable: bool = False
    provider: str | None = None
    retry_after: float | None = None


class Attempt(Noun, frozen=True, kw_only=True):
    """One run of the job on one provider.

    ``outcome`` is absent while it runs; ``notes`` say how submissions at the
    upstream ended (resumed, resubmitted, canceled, ambiguous). A ``hedge`` runs
    beside the attempt before it; while it runs, ``input`` is the input for its
    provider.
    """

    n: int
    provider: str
    worker: str
    started_at: float
    ended_at: float | None = None
    outcome: Outcome | None = None
    error: Failure | None = None
    notes: tuple[str, ...] = ()
    hedge: bool = False
    input: dict[str, Any] | None = None


class Webhook(Noun, frozen=True, kw_only=True):
    """The webhook of a job.

    Args:
        host: The receiver's host.
        target: The whole address, encrypted for the job's owner, in base64: its query may hold a secret.
        base: Scheme and host of the addresses in the messages: those that the client used.
        events: The types to send; empty: the end of the job.
        payload: The whole job, only its id, status and addresses, or the job as Replicate's clients read it.
    """

    host: str
    target: str
    base: str
    events: tuple[str, ...] = ()
    payload: Literal["full", "thin", "prediction"] = "full"


class Job(Noun, frozen=True, kw_only=True):
    """One request and its life.

    ``given`` is the input as it was submitted, ``input`` the input that the
    provider really gets. ``route`` names the providers that may run it, in order
    of preference. ``user`` is the user among whom the queue is fair. ``retry_of``
    is the job that this one runs again. ``recipe`` is there once it succeeded;
    ``embed_recipe``: whether its files contain it too. ``cache``: whether an
    earlier job's result was found, if the client allowed that; ``cache_key``
    is the same for all requests with the same result. ``account`` is a keyed
    hash of its own credentials: jobs with the same ones share a quota.
    """

    id: str
    owner: str
    user: str
    model: str
    route: tuple[str, ...]
    given: dict[str, Any]
    input: dict[str, Any]
    created_at: float
    status: Status = Status.QUEUED
    requested_provider: str | None = None
    provider: str | None = None
    priority: Priority = Priority.NORMAL
    metadata: dict[str, str] = {}
    webhook: Webhook | None = None
    strategy: Strategy = "failover"
    retention_seconds: int = 86_400
    deadline_at: float | None = None
    has_credentials: bool = False
    account: str | None = None
    retry_of: str | None = None
    batch_id: str | None = None
    waiting: WaitReason | None = None
    not_before: float | None = None
    upstream: Upstream | None = None
    progress: Progress | None = None
    preview: Preview | None = None
    outputs: tuple[Output, ...] = ()
    embed_recipe: bool = True
    recipe: Recipe | None = None
    cache: Literal["hit", "miss"] | None = None
    cache_key: str | None = None
    error: Failure | None = None
    attempts: tuple[Attempt, ...] = ()
    cancel_requested_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def running(self) -> tuple[Attempt, ...]:
        """The attempts that run now: none, one, or one and its hedge."""
        return tuple(attempt for attempt in self.attempts if attempt.ended_at is None)

    @property
    def expires_at(self) -> float | None:
        """When the finished job and its files are deleted; None: it is not finished."""
        return None if self.finished_at is None else self.finished_at + self.retention_seconds


class Tombstone(Noun, frozen=True, kw_only=True):
    """The remains of a deleted job."""

    id: str
    owner: str
    status: Status
    reason: Literal["deleted", "expired"]
    finished_at: float
    deleted_at: float


class Waiting(Noun, frozen=True, kw_only=True):
    """Why a job does not have its result yet, and until when (Unix seconds), if that is known.

    ``position`` is how many jobs were queued before it; at a key's limit only those that share the limit count.
    """

    reason: WaitReason
    provider: str | None = None
    position: int | None = None
    until: float | None = None
    eta_seconds: float | None = None

    @property
    def message(self) -> str:
        """The reason as a sentence."""
        subject = self.provider or ("The service" if self.reason == "paused" else "The provider")
        moment = "" if self.until is None else time.strftime(" until %Y-%m-%d %H:%M:%S UTC", time.gmtime(self.until))
        return _WAIT_MESSAGES[self.reason].format(subject=subject, until=moment)
