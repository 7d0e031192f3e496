"""When a job with the strategy ``hedge`` is tried on a second provider beside the first. Pure.

The worker races the two (:mod:`worker.attempts.race`); a dry run says beforehand what
would happen.
"""

from __future__ import annotations

from typing import Final

from jobs.scheduling.health import SLOW_SHARE, Health, percentile, totals

#: Measurements from which on a provider's own p95 is used.
ENOUGH_SAMPLES: Final = 10
#: Seconds after which a provider with fewer measurements counts as slow.
UNMEASURED_HEDGE_SECONDS: Final = 30.0
#: Fewest seconds after which a provider counts as slow: an earlier hedge costs more than it saves.
SOONEST_SECONDS: Final = 1.0


def hedge_after(health: Health) -> float:
    """Seconds that an attempt runs on a provider before a hedge: the provider's p95 of waiting and running."""
    if len(health.runs) < ENOUGH_SAMPLES:
        return UNMEASURED_HEDGE_SECONDS
    return max(SOONEST_SECONDS, percentile(totals(health), SLOW_SHARE) or 0.0)
