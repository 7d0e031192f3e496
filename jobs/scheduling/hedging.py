"""When a job that asked for it is tried on a second provider beside the first. Pure.

The worker races the two (:mod:`worker.attempts.race`); a dry run says beforehand what
would happen.
"""

from __future__ import annotations

from typing import Final

from jobs.scheduling.health import SLOW_SHARE, Health, percentile, totals

#: A provider's measurements tell when it is slow only from so many on.
ENOUGH_SAMPLES: Final = 10
#: Seconds after which a provider with fewer counts as slow.
UNMEASURED_HEDGE_SECONDS: Final = 30.0
#: No provider counts as slow sooner, in seconds: a hedge costs more than that saves.
SOONEST_SECONDS: Final = 1.0


def hedge_after(health: Health) -> float:
    """Seconds that an attempt runs on a provider before the next one is asked as well: its own p95 of waiting and running."""
    if len(health.runs) < ENOUGH_SAMPLES:
        return UNMEASURED_HEDGE_SECONDS
    return max(SOONEST_SECONDS, percentile(totals(health), SLOW_SHARE) or 0.0)
