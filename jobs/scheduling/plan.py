"""What would become of a job if it were submitted now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model import Job
from jobs.record.constants import FASTER_FACTOR
from jobs.record.types import LimitGroup, Overview, QueuePlace
from jobs.scheduling.health import UNMEASURED_RUN_SECONDS
from jobs.scheduling.wait_reasons import Waiting
from jobs.scheduling.waiting import ProviderView, Situation, explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who would run the job, and what it would wait for (None where it would run at once).

    ``provider`` is None where no provider of the route is there; ``eta_seconds`` is how long until the result.
    ``fallbacks`` are who is asked after it, in order: where it fails, and where it takes longer than ``hedge_after``
    seconds (None where there will be no hedge).
    """

    provider: str | None
    waiting: Waiting | None
    eta_seconds: float | None
    fallbacks: tuple[str, ...] = ()
    hedge_after: float | None = None


def plan(job: Job, situation: Situation, overview: Overview, at: float, groups: tuple[LimitGroup, ...] = ()) -> Plan:
    """Plan a job.

    Args:
        job: The job as it would be written.
        situation: Providers and worker slots.
        overview: How many jobs there are.
        at: Now, in Unix seconds.
        groups: The jobs of its key, and of its end user, with all that wait before it.
    """
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
    # Whoever else waits has been passed over: a free slot is filled at once with what can run.
    free = sum(overview.workers.values()) - overview.running - overview.sent
    held_back = situation.paused or any(group.is_full for group in place.groups)
    if provider is not None and free > 0 and not held_back:
        return None, round(situation.providers[provider].run_seconds or UNMEASURED_RUN_SECONDS, 1)
    waiting = explain(job, place, situation, at)
    return waiting, None if waiting is None else waiting.eta_seconds


def _has_room(view: ProviderView, at: float) -> bool:
    return view.is_open(at) and not view.on_trial and (view.limit is None or view.busy < view.limit)


def _best(ready: Sequence[str], situation: Situation) -> str:
    """The first of the route, unless a later one is much faster."""
    best = ready[0]
    for name in ready[1:]:
        fast, usual = situation.providers[name].run_seconds, situation.providers[best].run_seconds
        if fast is not None and usual is not None and fast * FASTER_FACTOR < usual:
            best = name
    return best


def _soonest(there: Sequence[str], situation: Situation, at: float) -> str | None:
    """Who takes jobs again first; those that an operator paused come last."""

    def when(name: str) -> tuple[bool, float]:
        view = situation.providers[name]
        return view.paused, max(at, view.blocked_until or at)

    return min(there, key=when, default=None)
