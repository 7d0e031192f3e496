"""Turns what a provider reports into facts of a job.

An upstream is not trusted: :mod:`providers.clean` cleans its texts and numbers,
and secrets are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import logs
from jobs import events
from jobs.model import Failure
from providers import clean, errors
from providers import events as provider_events

#: Longest text that is taken from an upstream, in characters.
TEXT_LIMIT: Final = 500

#: Provider error → the job's error code. A contract: clients switch on these.
CODES: Final[dict[type[errors.ProviderError], str]] = {
    errors.Quota: "provider_quota",
    errors.Busy: "provider_busy",
    errors.Unreachable: "provider_unreachable",
    errors.Waking: "provider_unreachable",
    errors.Timeout: "provider_timeout",
    errors.Denied: "provider_error",
    errors.Crashed: "provider_error",
    errors.Protocol: "provider_protocol",
    errors.Changed: "provider_changed",
    # Not by a cancel of ours: the upstream gave the job up.
    errors.Canceled: "provider_error",
}

#: Largest seed in a job's record: larger JSON numbers lose digits in other languages.
SEED_LIMIT: Final = 2**53


def failure_of(error: errors.ProviderError, provider: str) -> Failure:
    """The typed error as the job shows it."""
    if isinstance(error, errors.Rejected):
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


def event_of(event: provider_events.ProviderEvent, at: float) -> events.JobEvent | None:
    """The job event for a provider event; None for the events that the attempt itself handles."""
    match event:
        case provider_events.Queued():
            return events.UpstreamQueued(
                at=at, rank=clean.count(event.rank), size=clean.count(event.size), eta_seconds=clean.seconds(event.eta)
            )
        case provider_events.Started():
            return events.Progressed(at=at, stage="generating")
        case provider_events.Status():
            return events.Logged(at=at, text=text(event.text), level=event.level)
        case provider_events.Progress():
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
