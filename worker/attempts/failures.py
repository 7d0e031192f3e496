"""What an error means for a job, and whether it speaks against the provider. Pure."""

from __future__ import annotations

from typing import Final

from jobs.files import ArtifactError
from jobs.files.images import BadImage
from jobs.model import Failure, Job
from jobs.vault import VaultError
from providers import Denied, ProviderError, Timeout
from resilience import ForeignError
from worker.attempts import mapping


class BadOutput(Exception):
    """The upstream said that it succeeded, but what it handed over is not usable."""


#: What a run may end with. Any other error is a fault of the driver, and arrives as :class:`resilience.ForeignError`.
EXPECTED: Final = (ProviderError, BadOutput, ArtifactError, BadImage, VaultError)


def judge(error: Exception, job: Job, provider: str, *, overdue: bool, now: float) -> tuple[Failure, bool]:
    """The failure that an error is, and whether the provider's health gets to know of it.

    Args:
        error: One of :data:`EXPECTED`, or a ForeignError.
        job: The job that was run.
        provider: The provider that ran it.
        overdue: Whether the attempt was ended because its time was over.
        now: Unix seconds.
    """
    late = overdue or isinstance(error, Timeout)
    if late and job.deadline_at is not None and now >= job.deadline_at:
        return _failure("deadline_exceeded", "the job's deadline passed while it ran", provider), False
    if overdue:
        error = Timeout("the time for this attempt is over")
    match error:
        case Denied() if job.has_credentials:
            # The provider refuses what the client gave, and that says nothing about the provider.
            return _failure("invalid_input", error.detail, provider), False
        case ProviderError():
            return mapping.failure_of(error, provider), True
        case BadOutput():
            return _failure("bad_output", str(error), provider, retryable=True), True
        case ArtifactError():
            return _failure("storage_error", str(error), provider, retryable=True), True
        case ForeignError():
            return _failure("internal", "the driver failed; the log says how", provider), False
        case _:
            return _failure("invalid_input", str(error), provider), False


def _failure(code: str, detail: str, provider: str, *, retryable: bool = False) -> Failure:
    return Failure(code=code, detail=mapping.text(detail), retryable=retryable, provider=provider)
