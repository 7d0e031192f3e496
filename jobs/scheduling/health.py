"""How a provider does: measured from real attempts and probes. Pure.

The record is one JSON value per provider in Redis (``dr:provider:{name}``,
field ``health``); :mod:`jobs.record.store` keeps it and derives the fields
that the dispatch script reads.
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
#: An attempt is slow that takes longer than this share of them.
SLOW_SHARE: Final = 0.95
#: Failures in a row after which the circuit opens.
FAILURES_IN_ROW: Final = 5
#: Seconds that the circuit stays open the first time; doubled each time the half-open probe fails, up to the last.
OPEN_SECONDS: Final = 15.0
LONGEST_OPEN_SECONDS: Final = 600.0
#: Seconds that an unmeasured provider is expected to take.
UNMEASURED_RUN_SECONDS: Final = 10.0

#: Failures that say that the provider itself is not well. After quota and busy the provider rests instead
#: (:meth:`jobs.scheduling.health_store.HealthStore.rest`); bad input is the client's.
ILL: Final = frozenset(
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
    """What is known of one provider. Durations in seconds, times in Unix seconds.

    ``waits`` and ``runs`` are the newest measurements; the averages and the
    success rate are moving ones. ``opened`` counts openings of the circuit
    since it was last closed. ``silent`` says of the newest failure that the
    app did not even answer: a probe can see when that is over. ``revision`` is
    the commit of the provider's Space.
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
    """After an attempt that ended with a result."""
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
    """After an attempt that was ended because one on another provider was faster: neither a success nor a failure.

    So long it would have taken at least. Left out, the slow attempts would
    be missing among the measurements, and each p95 lower than the last; but
    one that was ended before it was slow tells nothing.
    """
    health = replace(health, last_used_at=at)
    slow = percentile(totals(health), SLOW_SHARE)
    if slow is None or waited + ran < slow:
        return health
    return replace(health, waits=_newest(health.waits, waited), runs=_newest(health.runs, ran))


def totals(health: Health) -> tuple[float, ...]:
    """Waiting and running together, of the newest attempts."""
    # Both lists grow together, so their ends belong together.
    return tuple(waited + ran for waited, ran in zip(health.waits, health.runs, strict=False))


def failed(health: Health, failure: Failure, at: float) -> Health:
    """After an attempt that failed."""
    health = replace(health, last_used_at=at, last_error=failure.detail)
    if failure.code not in ILL:
        return health
    health = replace(health, success_rate=_average(health.success_rate, 0.0))
    return _counted(health, at, silent=failure.code == "provider_unreachable")


def _counted(health: Health, at: float, *, silent: bool) -> Health:
    """One more failure in a row, which may open the circuit."""
    in_row = health.failures_in_row + 1
    health = replace(health, failures_in_row=in_row, silent=silent)
    # An attempt that was under way when the circuit opened tells nothing new.
    is_open = health.open_until is not None and health.open_until > at
    if is_open or (in_row < FAILURES_IN_ROW and not is_half_open(health, at)):
        return health
    seconds = min(OPEN_SECONDS * 2**health.opened, LONGEST_OPEN_SECONDS)
    return replace(health, opened=health.opened + 1, open_until=at + seconds)


def unanswered(health: Health, failure: Failure, at: float) -> Health:
    """After a probe that failed: it counts for the circuit like an attempt, and not for the success rate of jobs."""
    health = replace(health, checked_at=at)
    if failure.code not in ILL:
        return health
    return _counted(replace(health, last_error=failure.detail), at, silent=True)


def probed(health: Health, signature: str, change: str | None, at: float, revision: str | None = None) -> Health:
    """After a probe that was answered.

    Where the circuit opened because the app did not answer, this is news: an
    open circuit becomes half-open at once, a half-open one closes. Where jobs
    failed though the app answers, only a job can show that it is well again.

    Args:
        health: Before it.
        signature: The app's.
        change: How it differs from what the driver needs; None where it does not.
        at: When.
        revision: The commit that the app was built from, where that is known.
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
    """Whether one job may go there to find out if it is well again."""
    return health.open_until is not None and health.open_until <= at


def condition(health: Health, until: float | None) -> Condition:
    """How a provider is that no operator holds back.

    Args:
        health: What was measured.
        until: When it takes jobs again, after an open circuit or a rest; None: it takes some now.
    """
    if until is not None:
        return "resting" if health.open_until is None else "down"
    ill = health.open_until is not None or health.failures_in_row > 0 or health.signature_change is not None
    return "degraded" if ill else "healthy"


def expected_seconds(health: Health) -> float:
    """Expected time until a result there: waiting and running, longer the less often it succeeds."""
    if health.run_average is None:
        return UNMEASURED_RUN_SECONDS / max(health.success_rate, 0.05)
    return ((health.wait_average or 0.0) + health.run_average) / max(health.success_rate, 0.05)


def percentile(samples: tuple[float, ...], share: float) -> float | None:
    """The nearest-rank percentile of some measurements; None without any."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def _average(old: float | None, new: float) -> float:
    return new if old is None else round(old + WEIGHT * (new - old), 4)


def _newest(samples: tuple[float, ...], new: float) -> tuple[float, ...]:
    return (*samples[-(SAMPLES - 1) :], round(new, 3))
