"""Why a job waits, as a value and as a sentence. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jobs.model import WaitReason

#: Each reason as a sentence. Its subject is a provider or the service; `until` is the time when jobs are taken again.
MESSAGES: Final[Mapping[WaitReason, str]] = {
    "workers_busy": "All workers are busy.",
    "upstream_queue": "{subject} has its own queue, and the job is in it.",
    "provider_cooldown": "{subject} takes no jobs{until}.",
    "provider_waking": "{subject} is waking up.",
    "key_limit": "The limit of jobs running at once is reached.",
    "paused": "{subject} is paused.",
    "no_provider": "No provider for this job is available{until}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a job does not have its result yet.

    Args:
        reason: Why.
        provider: The provider that it waits for, if it waits for one.
        position: How many jobs were queued before it; at a key's limit only those that share the limit count.
        until: When the wait is over, in Unix seconds, if that is known.
        eta_seconds: Estimated seconds until the result.
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
        return MESSAGES[self.reason].format(subject=subject, until=moment)
