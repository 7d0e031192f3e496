"""What a job waits for, until when, and how long it will take. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from jobs.model import Job, Status, Waiting, WaitReason
from jobs.record.types import LimitGroup, QueuePlace
from jobs.scheduling.health import UNMEASURED_HEDGE_SECONDS, UNMEASURED_RUN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """The state of one provider, as far as waiting is concerned.

    ``blocked_until`` is the end of a rest or of an open circuit, in Unix seconds. ``on_trial``: one job is there to
    show whether it works, before others are sent. ``busy`` jobs hold a slot, of ``limit`` (None: any number).
    """

    paused: bool = False
    blocked_until: float | None = None
    blocked_reason: WaitReason = "provider_cooldown"
    on_trial: bool = False
    busy: int = 0
    limit: int | None = None
    run_seconds: float | None = None
    hedge_after: float = UNMEASURED_HEDGE_SECONDS

    def is_open(self, at: float) -> bool:
        """Whether it takes jobs now."""
        return not self.paused and (self.blocked_until is None or self.blocked_until <= at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What all waiting jobs have in common: the providers in use, the slots of all live workers, a pause of the service."""

    providers: Mapping[str, ProviderView] = field(default_factory=dict)
    slots: int = 0
    paused: bool = False


def explain(job: Job, place: QueuePlace | None, situation: Situation, at: float) -> Waiting | None:
    """Why the job does not run, or waits at the upstream; None where it waits for nothing."""
    if job.status is Status.RUNNING:
        return _upstream(job, situation)
    if job.status is not Status.QUEUED:
        return None
    position = None if place is None else place.position
    views = {name: situation.providers[name] for name in job.route if name in situation.providers}
    if not views:
        return Waiting(reason="no_provider", position=position)
    if place is not None and place.is_sent and situation.slots > 0:
        return Waiting(reason="starting", eta_seconds=_tidy(_run_seconds(views.values())))
    usable = {name: view for name, view in views.items() if not view.paused}
    if situation.paused or not usable:
        return Waiting(reason="paused", provider=None if situation.paused else next(iter(views)), position=position)
    run = _run_seconds(views.values())
    line = _line(position or 0, situation.slots, usable.values(), run)
    return (
        _rest(job, usable, position, at, run if line is None else line)
        or _limit(() if place is None else place.groups, line, run)
        or _worker(usable, position, at, line)
    )


def _rest(
    job: Job, usable: Mapping[str, ProviderView], position: int | None, at: float, after: float
) -> Waiting | None:
    """The wait until a time set for the job or for all its providers; ``after``: seconds in line from then."""
    if job.not_before is not None and job.not_before > at:
        reason: WaitReason = job.waiting or "provider_cooldown"
        provider = job.attempts[-1].provider if job.attempts else None
        until = job.not_before
    elif not any(view.is_open(at) for view in usable.values()):
        provider = min(usable, key=lambda name: usable[name].blocked_until or at)
        reason, until = usable[provider].blocked_reason, usable[provider].blocked_until or at
    else:
        return None
    eta = _tidy(until - at + after)
    return Waiting(reason=reason, provider=provider, position=position, until=until, eta_seconds=eta)


def _limit(groups: Iterable[LimitGroup], line: float | None, run: float) -> Waiting | None:
    """The wait for a limit of its key or of its end user; None: no limit is reached."""
    full = [group for group in groups if group.is_full]
    if not full:
        return None
    last = max(full, key=lambda group: _turn(group, run))
    # A job of the group has to end first, for each that stands before this one too.
    eta = None if line is None else _tidy(max(line, _turn(last, run) + run))
    return Waiting(reason="key_limit", position=last.position, eta_seconds=eta)


def _worker(usable: Mapping[str, ProviderView], position: int | None, at: float, line: float | None) -> Waiting:
    """The wait for a worker, or for the trial job of its provider."""
    takers = {name: view for name, view in usable.items() if view.is_open(at)}
    if all(view.on_trial for view in takers.values()):
        return Waiting(reason="provider_waking", provider=next(iter(takers)), position=position, eta_seconds=line)
    return Waiting(reason="workers_busy", position=position, eta_seconds=line)


def _turn(group: LimitGroup, run: float) -> float:
    """Seconds until a job of a full group may run."""
    return (group.position + 1) * run / max(1, group.limit or 1)


def _upstream(job: Job, situation: Situation) -> Waiting | None:
    """The wait of a running job in the upstream's own queue."""
    if job.upstream is None:
        return None
    view = situation.providers.get(job.provider or "")
    run = (view.run_seconds if view else None) or UNMEASURED_RUN_SECONDS
    there = job.upstream.eta_seconds
    if there is None and job.upstream.rank is not None:
        there = (job.upstream.rank + 1) * run
    eta = None if there is None else _tidy(there + run)
    return Waiting(reason="upstream_queue", provider=job.provider, eta_seconds=eta)


def _line(position: int, slots: int, views: Collection[ProviderView], run: float) -> float | None:
    """Seconds until the result of a job behind ``position`` others; None: no worker lives."""
    limits = [view.limit for view in views]
    room = slots if any(limit is None for limit in limits) else min(slots, sum(limit or 0 for limit in limits))
    return None if room <= 0 else _tidy((position // room + 1) * run)


def _run_seconds(views: Collection[ProviderView]) -> float:
    measured = [view.run_seconds for view in views if view.run_seconds is not None]
    return min(measured) if measured else UNMEASURED_RUN_SECONDS


def _tidy(seconds: float) -> float:
    """Rounded as an estimate is: to tenths below ten seconds, to whole seconds above."""
    return round(seconds, 1) if seconds < 10 else float(math.ceil(seconds))
