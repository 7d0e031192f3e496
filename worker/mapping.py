"""From a provider's words to a job's facts. Pure, and the only place that knows both."""

from __future__ import annotations

from typing import Final

from jobs import events
from jobs.model import Failure
from providers import errors
from providers import events as provider_events

#: Longest text that is taken over from an upstream, in characters.
TEXT_LIMIT: Final = 500

#: Provider error → the job's error code. A contract: clients switch on these.
CODES: Final[dict[type[errors.ProviderError], str]] = {
    errors.Quota: "provider_quota",
    errors.Busy: "provider_busy",
    errors.Unreachable: "provider_unreachable",
    errors.Waking: "provider_unreachable",
    errors.Timeout: "provider_timeout",
    errors.Crashed: "provider_error",
    errors.Protocol: "provider_protocol",
    errors.Changed: "provider_changed",
}


def failure_of(error: errors.ProviderError, provider: str) -> Failure:
    """The typed error as the job shows it."""
    if isinstance(error, errors.Rejected):
        code = "content_rejected" if error.content else "invalid_input"
    else:
        code = CODES.get(type(error), "internal")
    return Failure(
        code=code,
        detail=error.detail[:TEXT_LIMIT],
        retryable=error.retryable,
        provider=provider,
        retry_after=error.retry_after,
    )


def event_of(event: provider_events.ProviderEvent, at: float) -> events.JobEvent | None:
    """The job event that a provider event stands for; None where the runner has more to do than to write it down."""
    match event:
        case provider_events.Queued():
            return events.UpstreamQueued(at=at, rank=event.rank, size=event.size, eta_seconds=event.eta)
        case provider_events.Started():
            return events.Progressed(at=at, stage="generating")
        case provider_events.Status():
            return events.Logged(at=at, text=event.text[:TEXT_LIMIT], level=event.level)
        case provider_events.Progress():
            return events.Progressed(
                at=at,
                stage="generating",
                fraction=event.fraction,
                step=event.step,
                total=event.total,
                message=event.message[:TEXT_LIMIT] if event.message else None,
            )
        case _:
            return None
