"""What a job is waiting for, until when, and how long it will take. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.model import Job, Status, WaitReason
from jobs.record.types import Crowd, Place
from jobs.scheduling.hedging import UNMEASURED_SECONDS

#: Seconds that a run is taken to last where none was measured.
UNMEASURED_RUN_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """One provider, as far as waiting is concerned.

    ``blocked_until`` and ``blocked_reason`` tell of a rest or an open
    circuit; ``scouted`` says that one job is there to see whether it works,
    before others are sent; ``run_seconds`` is a usual run there, ``hedge_after`` the seconds
    after which an attempt there counts as slow.
    """

    paused: bool = False
    blocked_until: float | None = None
    blocked_reason: WaitReason = "provider_cooldown"
    scouted: bool = False
    busy: int = 0
    limit: int | None = None
    run_seconds: float | None = None
    hedge_after: float = UNMEASURED_SECONDS

    def is_open(self, at: float) -> bool:
        """Whether it takes jobs at all now."""
        return not self.paused and (self.blocked_until is None or self.blocked_until <= at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What all waiting jobs have in common: providers that may be used, slots of all live workers, a pause of all."""

    providers: Mapping[str, ProviderView] = field(default_factory=dict)
    slots: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a job does not have its result yet; ``until`` in Unix seconds where it is known.

    ``position`` is how many jobs were queued before it; at a key's limit only those that share the limit count.
    """

    reason: WaitReason
    position: int | None = None
    until: float | None = None
    eta_seconds: float | None = None


def explain(job: Job, place: Place | None, situation: Situation, at: float) -> Waiting | None:
    """Why the job does not run, or waits at the upstream; None where it waits for nothing.

    Args:
        job: A job in any state.
        place: Where it stands, where it is queued.
        situation: The rest of the world.
        at: Now, in Unix seconds.
    """
    if job.status is Status.RUNNING:
        return _upstream(job, situation)
    if job.status is not Status.QUEUED:
        return None
    position = None if place is None else place.position
    views = [situation.providers[name] for name in job.route if name in situation.providers]
    run = _run_seconds(views)
    if not views:
        return Waiting(reason="no_provider", position=position)
    if situation.paused or all(view.paused for view in views):
        return Waiting(reason="paused", position=position)
    usable = [view for view in views if not view.paused]
    line = _line(position or 0, situation.slots, usable, run)
    # Whoever waits for the same time stands in a line afterwards.
    after = run if line is None else line
    if job.not_before is not None and job.not_before > at:
        reason: WaitReason = job.waiting or "provider_cooldown"
        return _until(reason, job.not_before, position, at, after)
    if not any(view.is_open(at) for view in usable):
        first = min(usable, key=lambda view: view.blocked_until or at)
        return _until(first.blocked_reason, first.blocked_until or at, position, at, after)
    full = [crowd for crowd in (place.crowds if place else ()) if crowd.is_full]
    if full:
        last = max(full, key=lambda crowd: _turn(crowd, run))
        # A job of the crowd has to end first, for each that stands before this one too.
        eta = None if line is None else _tidy(max(line, _turn(last, run) + run))
        return Waiting(reason="key_limit", position=last.position, eta_seconds=eta)
    is_scouted = all(view.scouted for view in usable if view.is_open(at))
    return Waiting(reason="provider_waking" if is_scouted else "workers_busy", position=position, eta_seconds=line)


def _turn(crowd: Crowd, run: float) -> float:
    """Seconds until a job may run whose crowd is as large as it may be."""
    return (crowd.position + 1) * run / max(1, crowd.limit or 1)


def _upstream(job: Job, situation: Situation) -> Waiting | None:
    """A running job that stands in the upstream's own queue."""
    if job.upstream is None:
        return None
    view = situation.providers.get(job.provider or "")
    run = (view.run_seconds if view else None) or UNMEASURED_RUN_SECONDS
    there = job.upstream.eta_seconds
    if there is None and job.upstream.rank is not None:
        there = (job.upstream.rank + 1) * run
    return Waiting(reason="upstream_queue", eta_seconds=None if there is None else _tidy(there + run))


def _line(position: int, slots: int, views: list[ProviderView], run: float) -> float | None:
    """Seconds until the result of a job that many others stand before; None while no worker lives."""
    limits = [view.limit for view in views]
    room = slots if any(limit is None for limit in limits) else min(slots, sum(limit or 0 for limit in limits))
    return None if room <= 0 else _tidy((position // room + 1) * run)


def _until(reason: WaitReason, until: float, position: int | None, at: float, after: float) -> Waiting:
    return Waiting(reason=reason, position=position, until=until, eta_seconds=_tidy(until - at + after))


def _run_seconds(views: list[ProviderView]) -> float:
    measured = [view.run_seconds for view in views if view.run_seconds is not None]
    return min(measured) if measured else UNMEASURED_RUN_SECONDS


def _tidy(seconds: float) -> float:
    """An estimate is no measurement: tenths below ten seconds, whole ones above."""
    return round(seconds, 1) if seconds < 10 else float(math.ceil(seconds))
