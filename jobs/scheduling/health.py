"""The health of a provider, measured from real attempts and probes. Pure.

The record is one JSON value per provider in Redis (``dr:provider:{name}``,
field ``health``); :mod:`jobs.scheduling.health_store` keeps it and derives the
fields that the dispatch script reads.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from msgspec.structs import replace

from jobs.error_codes import CAUSES
from jobs.model import Failure
from jobs.scheduling.circuits import Circuit, answers_again, closed_again, counted, is_half_open, is_shared

#: Weight of the newest measurement in a moving average.
WEIGHT: Final = 0.2
#: Measurements kept for the percentiles.
SAMPLES: Final = 50
#: The percentile of attempts from which on one is slow.
SLOW_SHARE: Final = 0.95
#: Seconds that an unmeasured provider is expected to take.
UNMEASURED_RUN_SECONDS: Final = 10.0
#: Measurements from which on a provider's own p95 is used.
ENOUGH_SAMPLES: Final = 10
#: Seconds after which a provider with fewer measurements counts as slow.
UNMEASURED_HEDGE_SECONDS: Final = 30.0
#: Fewest seconds after which a provider counts as slow: an earlier hedge costs more than it saves.
SOONEST_SECONDS: Final = 1.0

#: Failures that count against the provider's health.
PROVIDER_FAULTS: Final = frozenset(code for code, cause in CAUSES.items() if cause.counts == "health")
#: Failures that say anything about the provider.
PROVIDER_STATES: Final = frozenset(code for code, cause in CAUSES.items() if cause.counts != "nothing")
#: Most subjects of whom a provider's record is kept, and seconds for which it is.
SUBJECTS_KEPT: Final = 50
SUBJECT_SECONDS: Final = 86_400.0
#: Stands for a probe among those that saw a failure.
PROBE: Final = "probe"

#: ``degraded``: it gets jobs, though the last one failed, or the app has changed. ``resting``: its quota is used up, or it
#: is busy. ``down``: its circuit is open.
Condition = Literal["healthy", "degraded", "resting", "down"]


class Health(Circuit, frozen=True, kw_only=True):
    """The health of one provider. Durations in seconds, times in Unix seconds.

    As a circuit it is the one for all jobs. ``subjects`` are the circuits for the jobs of one subject alone
    (:func:`jobs.scheduling.circuits.subject_of`), while they are not as new. ``seen_by``: who saw the present row of failures, up to two.
    ``waits`` and ``runs`` are the newest measurements; averages and rates are moving ones. ``success_rate`` is of all
    attempts; ``common_rate`` is what the choice of a provider goes by. ``last_error`` is an error code. ``revision`` is
    the commit of the provider's Space.
    """

    success_rate: float = 1.0
    common_rate: float = 1.0
    wait_average: float | None = None
    run_average: float | None = None
    waits: tuple[float, ...] = ()
    runs: tuple[float, ...] = ()
    seen_by: tuple[str, ...] = ()
    subjects: dict[str, Circuit] = {}  # noqa: RUF012 - msgspec copies it
    last_error: str | None = None
    last_used_at: float | None = None
    checked_at: float | None = None
    signature: str | None = None
    signature_changed_at: float | None = None
    signature_change: str | None = None
    revision: str | None = None


def succeeded(health: Health, waited: float, ran: float, at: float, subject: str | None = None) -> Health:
    """The health after an attempt that ended with a result. How long it took counts unless the way there was its own."""
    health = replace(
        closed_again(health),
        seen_by=(),
        subjects={name: circuit for name, circuit in health.subjects.items() if name != subject},
        last_used_at=at,
    )
    if not is_shared(subject):
        return health
    return replace(
        health,
        success_rate=_average(health.success_rate, 1.0),
        common_rate=_average(health.common_rate, 1.0),
        wait_average=_average(health.wait_average, waited),
        run_average=_average(health.run_average, ran),
        waits=_newest(health.waits, waited),
        runs=_newest(health.runs, ran),
    )


def outrun(health: Health, waited: float, ran: float, at: float, subject: str | None = None) -> Health:
    """The health after an attempt that was canceled because one on another provider was faster.

    It is neither a success nor a failure. Its elapsed time is recorded as a
    lower bound: without it slow attempts would never be measured, and the p95
    would drift down. An attempt that was canceled before it was slow is not
    recorded.
    """
    health = replace(health, last_used_at=at)
    slow = percentile(totals(health), SLOW_SHARE)
    if slow is None or waited + ran < slow or not is_shared(subject):
        return health
    return replace(health, waits=_newest(health.waits, waited), runs=_newest(health.runs, ran))


def totals(health: Health) -> tuple[float, ...]:
    """The seconds of waiting and running together, of the newest attempts."""
    # Both lists grow together, so their ends belong together.
    return tuple(waited + ran for waited, ran in zip(health.waits, health.runs, strict=False))


def failed(health: Health, failure: Failure, at: float, subject: str | None = None) -> Health:
    """The health after an attempt that failed.

    What one subject sees may come from its own inputs. So it closes the provider to this subject at once, and to all
    only where another subject saw a failure of the same row. A job with credentials of its own closes it to no other.
    """
    health = replace(health, last_used_at=at)
    if is_shared(subject) and failure.code in PROVIDER_STATES:
        health = replace(health, last_error=failure.code)
    if failure.code not in PROVIDER_FAULTS:
        return health
    silent = failure.code == "provider_unreachable"
    is_first = subject is None
    if subject is not None:
        before = health.subjects.get(subject, Circuit(opened=health.opened))
        is_first = before.failures_in_row == 0
        own = counted(before, at, silent=silent, opens=is_half_open(health, at) and is_shared(subject))
        health = replace(health, subjects=_kept({**health.subjects, subject: own}, at))
    if not is_shared(subject):
        return health
    health = _witnessed(health, subject or PROBE)
    health = replace(health, success_rate=_average(health.success_rate, 0.0))
    # Of one subject's failures in a row, all but the first may have one cause.
    if is_first or _is_certain(health):
        health = replace(health, common_rate=_average(health.common_rate, 0.0))
    return _shared(health, at, silent=silent)


def _shared(health: Health, at: float, *, silent: bool) -> Health:
    """One more failure in a row for all."""
    after = counted(health, at, silent=silent, closed=not _is_certain(health), opens=is_half_open(health, at))
    return replace(after, seen_by=()) if after.opened > health.opened else after


def _witnessed(health: Health, witness: str) -> Health:
    return replace(health, seen_by=tuple(dict.fromkeys((*health.seen_by, witness)))[-2:])


def _is_certain(health: Health) -> bool:
    """Whether the present row of failures is the provider's: a probe failed too, or two subjects saw it."""
    return PROBE in health.seen_by or len(health.seen_by) > 1


def _kept(subjects: dict[str, Circuit], at: float) -> dict[str, Circuit]:
    """The records that are still of use, the newest if there are too many."""
    fresh = [(name, circuit) for name, circuit in subjects.items() if (circuit.failed_at or 0) > at - SUBJECT_SECONDS]
    return dict(sorted(fresh, key=lambda item: item[1].failed_at or 0)[-SUBJECTS_KEPT:])


def unanswered(health: Health, failure: Failure, at: float) -> Health:
    """The health after a probe that failed: it counts for the circuit like an attempt, but not for the success rate."""
    health = replace(health, checked_at=at)
    if failure.code not in PROVIDER_FAULTS:
        return health
    return _shared(_witnessed(replace(health, last_error=failure.code), PROBE), at, silent=True)


def probed(health: Health, signature: str, change: str | None, at: float, revision: str | None = None) -> Health:
    """The health after a probe that was answered.

    If the circuit opened because the app did not answer, an open circuit
    becomes half-open at once, and a half-open one closes. If jobs failed
    though the app answered, only a job can show that it is well again.

    ``change`` is how the app differs from what the driver needs; ``revision`` the commit that it was built from.
    """
    if health.silent:
        health = replace(answers_again(health, at), seen_by=())
    answering = {
        name: answers_again(circuit, at) if circuit.silent else circuit for name, circuit in health.subjects.items()
    }
    health = replace(health, subjects={name: circuit for name, circuit in answering.items() if circuit.failures_in_row})
    changed_at = at if change is not None and health.signature_change != change else health.signature_changed_at
    return replace(
        health,
        checked_at=at,
        signature=signature,
        signature_change=change,
        signature_changed_at=changed_at if change is not None else None,
        revision=revision or health.revision,
    )


def blocked_until(health: Health, at: float, subject: str = "") -> float | None:
    """When the open circuit lets a job through again, for all or for a subject; None: it is not open now."""
    circuits = (health, health.subjects.get(subject, health))
    return max((c.open_until for c in circuits if c.open_until is not None and c.open_until > at), default=None)


def condition(health: Health, until: float | None, subject: str = "") -> Condition:
    """The condition of a provider that is not paused, for all jobs or for those of a subject.

    ``until``: when it takes jobs again, after an open circuit or a rest; None: it takes some now.
    """
    was_open = (health.open_until, health.subjects.get(subject, health).open_until) != (None, None)
    if until is not None:
        return "down" if was_open else "resting"
    ill = was_open or health.failures_in_row > 0 or health.signature_change is not None
    return "degraded" if ill else "healthy"


def expected_seconds(health: Health) -> float:
    """Expected seconds until a result there: waiting and running, and more the lower the rate of successes."""
    if health.run_average is None:
        return UNMEASURED_RUN_SECONDS / max(health.common_rate, 0.05)
    return ((health.wait_average or 0.0) + health.run_average) / max(health.common_rate, 0.05)


def percentile(samples: tuple[float, ...], share: float) -> float | None:
    """The nearest-rank percentile of the samples; None: there are none."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def hedge_after(health: Health) -> float:
    """Seconds that an attempt runs on a provider before a hedge: the provider's p95 of waiting and running."""
    if len(health.runs) < ENOUGH_SAMPLES:
        return UNMEASURED_HEDGE_SECONDS
    return max(SOONEST_SECONDS, percentile(totals(health), SLOW_SHARE) or 0.0)


def _average(old: float | None, new: float) -> float:
    return new if old is None else round(old + WEIGHT * (new - old), 4)


def _newest(samples: tuple[float, ...], new: float) -> tuple[float, ...]:
    return (*samples[-(SAMPLES - 1) :], round(new, 3))
