"""Turns what a provider reports, its errors too, into facts of a job. Pure.

An upstream is not trusted: :mod:`providers.clean` cleans its texts and numbers, and secrets are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import logs
from jobs import events
from jobs.files import ArtifactError
from jobs.files.image_terms import BadImage
from jobs.model import Failure, Job
from jobs.vault import VaultError
from providers import (
    Busy,
    Canceled,
    Changed,
    Crashed,
    Denied,
    Progress,
    Protocol,
    ProviderError,
    ProviderEvent,
    Queued,
    Quota,
    Rejected,
    Started,
    Status,
    Timeout,
    Unreachable,
    Waking,
    clean,
)
from resilience import ForeignError

#: Longest text that is taken from an upstream, in characters.
TEXT_LIMIT: Final = 500

#: Provider error → the job's error code. A contract: clients switch on these.
CODES: Final[dict[type[ProviderError], str]] = {
    Quota: "provider_quota",
    Busy: "provider_busy",
    Unreachable: "provider_unreachable",
    Waking: "provider_unreachable",
    Timeout: "provider_timeout",
    Denied: "provider_error",
    Crashed: "provider_error",
    Protocol: "provider_protocol",
    Changed: "provider_changed",
    # Not by a cancel of ours: the upstream gave the job up.
    Canceled: "provider_error",
    # A driver's own kind of error.
    ProviderError: "provider_error",
}


#: The levels of a line of text.
LEVELS: Final = frozenset({"info", "success", "warning", "error"})


class BadOutput(Exception):
    """The upstream said that it succeeded, but what it handed over is not usable."""


class Torn(BadOutput):
    """A file of the upstream cannot be read to its end: it may be written at this moment."""


#: What a run may end with. Any other error is a fault of the driver, and arrives as :class:`resilience.ForeignError`.
EXPECTED: Final = (ProviderError, BadOutput, ArtifactError, BadImage, VaultError)


def judge(error: Exception, job: Job, provider: str, *, asked: bool, overdue: bool, expired: bool) -> Failure:
    """The failure that an error of a run is. What it says about the provider: :data:`jobs.error_codes.CAUSES`.

    Args:
        error: One of :data:`EXPECTED`, or a ForeignError.
        job: The job that was run.
        provider: The provider that ran it.
        asked: Whether the driver was called, or the run ended before that.
        overdue: Whether the attempt was ended because its time was over.
        expired: Whether the job's own deadline has passed.
    """
    if expired and (overdue or isinstance(error, Timeout)):
        return _failure("deadline_exceeded", "the job's deadline passed while it ran", provider)
    if overdue:
        error = Timeout("the time for this attempt is over")
    match error:
        case Denied() if job.has_credentials:
            # The provider refuses what the client gave, and that says nothing about the provider.
            return _failure("invalid_input", error.detail, provider)
        case ProviderError():
            return failure_of(error, provider)
        case BadOutput():
            return _failure("bad_output", str(error), provider, retryable=True)
        case ArtifactError():
            return _failure("storage_error", str(error), provider, retryable=True)
        case ForeignError(__cause__=OSError()) if not asked:
            # A disk or a network that will be well again.
            return _failure("storage_error", "a file of the input could not be read", provider, retryable=True)
        case ForeignError():
            # It is this driver's, or of what was prepared for it: another provider may have the result.
            whose = "the driver failed" if asked else "the job could not be prepared for this provider"
            return _failure("internal", f"{whose}; the log says how", provider, retryable=True)
        case _:
            return _failure("invalid_input", str(error), provider)


def _failure(code: str, detail: str, provider: str, *, retryable: bool = False) -> Failure:
    return Failure(code=code, detail=text(detail), retryable=retryable, provider=provider)


def failure_of(error: ProviderError, provider: str) -> Failure:
    """The typed error as the job shows it."""
    if isinstance(error, Rejected):
        code = "content_rejected" if error.content else "invalid_input"
    else:
        code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), "internal")
    return Failure(
        code=code,
        detail=text(error.detail),
        retryable=error.retryable,
        provider=provider,
        retry_after=clean.seconds(error.retry_after),
    )


def event_of(event: ProviderEvent, at: float) -> events.JobEvent | None:
    """The job event for a provider event; None for the events that the attempt itself handles."""
    match event:
        case Queued():
            return events.UpstreamQueued(
                at=at, rank=clean.count(event.rank), size=clean.count(event.size), eta_seconds=clean.seconds(event.eta)
            )
        case Started():
            return events.Progressed(at=at, stage="generating")
        case Status():
            return events.Logged(at=at, text=text(event.text), level=event.level if event.level in LEVELS else "info")
        case Progress():
            return events.Progressed(
                at=at,
                stage="generating",
                fraction=clean.fraction(event.fraction),
                step=clean.count(event.step),
                total=clean.count(event.total),
                message=text(event.message) if event.message else None,
            )
        case _:
            return None


def text(said: str, limit: int = TEXT_LIMIT) -> str:
    """An upstream's text, cleaned and without secrets."""
    # Secrets are hidden before the cut, which could leave a half of one that is not recognised.
    return clean.lines(logs.redact(said[: limit + 1000]), limit)


def note_of(left: Mapping[str, object], begun: Mapping[str, object] | None) -> str:
    """What became of an earlier attempt's submission at the upstream, for the ledger.

    Args:
        left: The last checkpoint of the earlier attempt on this provider.
        begun: The first checkpoint of this attempt; None where its result came without one.
    """
    if begun is None or begun.get("phase") == "done":
        return "resumed: the earlier submission had finished, its answer was used"
    if begun.get("event_id") is not None and begun.get("event_id") == left.get("event_id"):
        return "resumed: the earlier submission was picked up"
    if begun.get("session") is not None and begun.get("session") == left.get("session"):
        return "resumed: the earlier submission was found by its session"
    if left.get("phase") == "posting":
        return "resubmitted: the earlier submission was not found, it may have run all the same"
    return "resubmitted: the earlier submission was canceled or lost"
