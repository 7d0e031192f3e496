"""The health of a provider, measured from real attempts and probes. Pure.

The record is one JSON value per provider in Redis (``dr:provider:{name}``,
field ``health``); :mod:`jobs.scheduling.health_store` keeps it and derives the
fields that the dispatch script reads.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from msgspec.structs import replace

from jobs.model import Failure, Noun

#: Weight of the newest measurement in a moving average.
WEIGHT: Final = 0.2
#: Measurements kept for the percentiles.
SAMPLES: Final = 50
#: The percentile of attempts from which on one is slow.
SLOW_SHARE: Final = 0.95
#: Failures in a row after which the circuit opens.
FAILURES_IN_ROW: Final = 5
#: Seconds for which the circuit opens first; doubled each time the half-open probe fails, up to the second number.
OPEN_SECONDS: Final = 15.0
LONGEST_OPEN_SECONDS: Final = 600.0
#: Seconds that an unmeasured provider is expected to take.
UNMEASURED_RUN_SECONDS: Final = 10.0

#: Failures that count against the provider's health. After a quota or a busy app the provider rests instead
#: (:meth:`jobs.scheduling.health_store.HealthStore.rest`); bad input is the client's fault.
PROVIDER_FAULTS: Final = frozenset(
    {
        "provider_unreachable",
        "provider_timeout",
        "provider_protocol",
        "provider_changed",
        "provider_error",
        "bad_output",
    }
)

#: ``degraded``: it gets jobs, though the last one failed, or the app has changed. ``resting``: its quota is used up, or it
#: is busy. ``down``: its circuit is open.
Condition = Literal["healthy", "degraded", "resting", "down"]


class Health(Noun, frozen=True, kw_only=True):
    """The health of one provider. Durations in seconds, times in Unix seconds.

    ``waits`` and ``runs`` are the newest measurements; averages and success
    rate are moving ones. ``opened`` counts how often the circuit opened since
    it was last closed. ``silent``: at the newest failure the app did not
    answer at all; a probe can tell when it does again. ``revision`` is the
    commit of the provider's Space.
    """

    success_rate: float = 1.0
    wait_average: float | None = None
    run_average: float | None = None
    waits: tuple[float, ...] = ()
    runs: tuple[float, ...] = ()
    failures_in_row: int = 0
    opened: int = 0
    open_until: float | None = None
    silent: bool = False
    last_error: str | None = None
    last_used_at: float | None = None
    checked_at: float | None = None
    signature: str | None = None
    signature_changed_at: float | None = None
    signature_change: str | None = None
    revision: str | None = None


def succeeded(health: Health, waited: float, ran: float, at: float) -> Health:
    """The health after an attempt that ended with a result."""
    return replace(
        health,
        success_rate=_average(health.success_rate, 1.0),
        wait_average=_average(health.wait_average, waited),
        run_average=_average(health.run_average, ran),
        waits=_newest(health.waits, waited),
        runs=_newest(health.runs, ran),
        failures_in_row=0,
        opened=0,
        open_until=None,
        silent=False,
        last_used_at=at,
    )


def outrun(health: Health, waited: float, ran: float, at: float) -> Health:
    """The health after an attempt that was canceled because one on another provider was faster.

    It is neither a success nor a failure. Its elapsed time is recorded as a
    lower bound: without it slow attempts would never be measured, and the p95
    would drift down. An attempt that was canceled before it was slow is not
    recorded.
    """
    health = replace(health, last_used_at=at)
    slow = percentile(totals(health), SLOW_SHARE)
    if slow is None or waited + ran < slow:
        return health
    return replace(health, waits=_newest(health.waits, waited), runs=_newest(health.runs, ran))


def totals(health: Health) -> tuple[float, ...]:
    """The seconds of waiting and running together, of the newest attempts."""
    # Both lists grow together, so their ends belong together.
    return tuple(waited + ran for waited, ran in zip(health.waits, health.runs, strict=False))


def failed(health: Health, failure: Failure, at: float) -> Health:
    """The health after an attempt that failed."""
    health = replace(health, last_used_at=at, last_error=failure.detail)
    if failure.code not in PROVIDER_FAULTS:
        return health
    health = replace(health, success_rate=_average(health.success_rate, 0.0))
    return _counted(health, at, silent=failure.code == "provider_unreachable")


def _counted(health: Health, at: float, *, silent: bool) -> Health:
    """The health after one more failure in a row, which may open the circuit."""
    in_row = health.failures_in_row + 1
    health = replace(health, failures_in_row=in_row, silent=silent)
    # An attempt that was under way when the circuit opened tells nothing new.
    is_open = health.open_until is not None and health.open_until > at
    if is_open or (in_row < FAILURES_IN_ROW and not is_half_open(health, at)):
        return health
    seconds = min(OPEN_SECONDS * 2**health.opened, LONGEST_OPEN_SECONDS)
    return replace(health, opened=health.opened + 1, open_until=at + seconds)


def unanswered(health: Health, failure: Failure, at: float) -> Health:
    """The health after a probe that failed: it counts for the circuit like an attempt, but not for the success rate."""
    health = replace(health, checked_at=at)
    if failure.code not in PROVIDER_FAULTS:
        return health
    return _counted(replace(health, last_error=failure.detail), at, silent=True)


def probed(health: Health, signature: str, change: str | None, at: float, revision: str | None = None) -> Health:
    """The health after a probe that was answered.

    If the circuit opened because the app did not answer, an open circuit
    becomes half-open at once, and a half-open one closes. If jobs failed
    though the app answered, only a job can show that it is well again.

    Args:
        health: The health before.
        signature: The app's signature.
        change: How it differs from what the driver needs; None: it does not.
        at: The time of the probe.
        revision: The commit that the app was built from, if known.
    """
    if health.silent:
        health = _answers_again(health, at)
    changed_at = at if change is not None and health.signature_change != change else health.signature_changed_at
    return replace(
        health,
        checked_at=at,
        signature=signature,
        signature_change=change,
        signature_changed_at=changed_at if change is not None else None,
        revision=revision or health.revision,
    )


def _answers_again(health: Health, at: float) -> Health:
    if health.open_until is not None and health.open_until > at:
        return replace(health, open_until=at)
    return replace(health, failures_in_row=0, opened=0, open_until=None, silent=False)


def blocked_until(health: Health, at: float) -> float | None:
    """When the open circuit lets a job through again; None: it is not open now."""
    return None if health.open_until is None or health.open_until <= at else health.open_until


def is_half_open(health: Health, at: float) -> bool:
    """Whether one job may go there as a probe."""
    return health.open_until is not None and health.open_until <= at


def condition(health: Health, until: float | None) -> Condition:
    """The condition of a provider that is not paused.

    Args:
        health: What was measured.
        until: When it takes jobs again, after an open circuit or a rest; None: it takes some now.
    """
    if until is not None:
        return "resting" if health.open_until is None else "down"
    ill = health.open_until is not None or health.failures_in_row > 0 or health.signature_change is not None
    return "degraded" if ill else "healthy"


def expected_seconds(health: Health) -> float:
    """Expected seconds until a result there: waiting and running, and more the lower the success rate."""
    if health.run_average is None:
        return UNMEASURED_RUN_SECONDS / max(health.success_rate, 0.05)
    return ((health.wait_average or 0.0) + health.run_average) / max(health.success_rate, 0.05)


def percentile(samples: tuple[float, ...], share: float) -> float | None:
    """The nearest-rank percentile of the samples; None: there are none."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def _average(old: float | None, new: float) -> float:
    return new if old is None else round(old + WEIGHT * (new - old), 4)


def _newest(samples: tuple[float, ...], new: float) -> tuple[float, ...]:
    return (*samples[-(SAMPLES - 1) :], round(new, 3))
