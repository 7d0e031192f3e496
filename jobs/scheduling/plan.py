"""A dry run: who would run a job that were submitted now, and what it would wait for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model import Job, Waiting
from jobs.record.constants import FASTER_FACTOR
from jobs.record.types import LimitGroup, Overview, QueuePlace
from jobs.scheduling.health import UNMEASURED_RUN_SECONDS
from jobs.scheduling.waiting import ProviderView, Situation, explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan for a job. ``provider`` None: none of its route is there. ``waiting`` None: it would run at once.

    ``fallbacks`` are asked next, in order; the first one beside ``provider`` after ``hedge_after`` s (None: never).
    """

    provider: str | None
    waiting: Waiting | None
    eta_seconds: float | None
    fallbacks: tuple[str, ...] = ()
    hedge_after: float | None = None


def plan(job: Job, situation: Situation, overview: Overview, at: float, groups: tuple[LimitGroup, ...] = ()) -> Plan:
    """Plan a job as it would be written; ``groups`` are those whose limits hold for it."""
    there = [name for name in job.route if name in situation.providers]
    ready = [name for name in there if _has_room(situation.providers[name], at)]
    provider = _best(ready, situation) if ready else _soonest(there, situation, at)
    fallbacks = () if job.strategy == "single" else tuple(name for name in there if name != provider)
    first = situation.providers[provider] if provider is not None and fallbacks and job.strategy == "hedge" else None
    place = QueuePlace(position=overview.queued, groups=groups)
    waiting, eta = _prospect(job, provider if ready else None, situation, overview, place, at)
    return Plan(
        provider=provider,
        waiting=waiting,
        eta_seconds=eta,
        fallbacks=fallbacks,
        hedge_after=None if first is None else round(first.hedge_after, 1),
    )


def _prospect(
    job: Job, provider: str | None, situation: Situation, overview: Overview, place: QueuePlace, at: float
) -> tuple[Waiting | None, float | None]:
    """What the job would wait for, and the seconds until its result; ``provider`` is one that has room now."""
    # Jobs that wait now cannot run: a free slot is filled at once with a job that can.
    free = sum(overview.workers.values()) - overview.running - overview.sent
    held_back = situation.paused or any(group.is_full for group in place.groups)
    if provider is not None and free > 0 and not held_back:
        return None, round(situation.providers[provider].run_seconds or UNMEASURED_RUN_SECONDS, 1)
    waiting = explain(job, place, situation, at)
    return waiting, None if waiting is None else waiting.eta_seconds


def _has_room(view: ProviderView, at: float) -> bool:
    return view.is_open(at) and not view.on_trial and (view.limit is None or view.busy < view.limit)


def _best(ready: Sequence[str], situation: Situation) -> str:
    """The first provider of the route, unless a later one is faster by FASTER_FACTOR."""
    best = ready[0]
    for name in ready[1:]:
        fast, usual = situation.providers[name].run_seconds, situation.providers[best].run_seconds
        if fast is not None and usual is not None and fast * FASTER_FACTOR < usual:
            best = name
    return best


def _soonest(there: Sequence[str], situation: Situation, at: float) -> str | None:
    """The provider that takes jobs again first; paused ones come last."""

    def when(name: str) -> tuple[bool, float]:
        view = situation.providers[name]
        return view.paused, max(at, view.blocked_until or at)

    return min(there, key=when, default=None)
