"""What the scheduler knows of providers: who takes jobs, how many run there, who rests until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.keys import ms
from jobs.record.outages import available
from jobs.scheduling.health import Health, blocked_until
from jobs.scheduling.health_store import read_health
from jobs.scheduling.pauses import Override, override_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """The state of one provider at a time (``at``, Unix seconds).

    ``in_flight`` jobs hold a slot, of ``limit`` (None: any number). Before ``until`` (None: now) it takes none,
    because of ``reason``, an error code. ``on_trial``: one job is there to show whether it works, and the others wait.
    """

    in_flight: int = 0
    limit: int | None = None
    override: Override = field(default_factory=Override)
    until: float | None = None
    reason: str | None = None
    on_trial: bool = False
    health: Health = field(default_factory=Health)
    at: float = field(default=0.0, compare=False)

    def until_for(self, subject: str) -> float | None:
        """When it takes jobs of a subject again (:func:`jobs.scheduling.circuits.subject_of`); None: now."""
        own = blocked_until(self.health, self.at, subject)
        return max((moment for moment in (self.until, own) if moment is not None), default=None)

    @property
    def paused(self) -> bool:
        """Whether an admin lets it have no jobs."""
        return self.override.pause is not None


class ProviderStates:
    """The states of all providers, in Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, names: Sequence[str], account: str | None = None) -> dict[str, ProviderState]:
        """The state of each provider; with an account, of that account's quota there instead of our own."""
        now = self._connection.now()
        rows = self._connection.run("providers", account or "", *names) if names else []
        return {name: _state(row, now) for name, row in zip(names, rows, strict=True)}

    def announce(self, limits: Mapping[str, int | None], trial_seconds: Mapping[str, float] | None = None) -> None:
        """Name the providers that take jobs. Jobs for all others wait.

        Args:
            limits: All providers that take jobs, each with its limit of jobs at once.
            trial_seconds: The providers that may have a quota. Where one got no job lately, its next job goes first,
                and the others follow when it shows life, or after that many seconds without a refusal.
        """
        trials = trial_seconds or {}
        with available():
            pipe = self._connection.redis.pipeline(transaction=True)
            pipe.delete(keys.PROVIDERS)
            if limits:
                pipe.sadd(keys.PROVIDERS, *limits)
                pipe.sadd(keys.STIRRED, *limits)
            for name, jobs in limits.items():
                fields: dict[Any, Any] = {
                    "limit": "" if jobs is None else str(jobs),
                    "wary": str(ms(trials[name])) if name in trials else "",
                }
                pipe.hset(keys.provider(name), mapping=fields)
            pipe.execute()


def _state(row: Sequence[Any], now: float) -> ProviderState:
    """One row of the answer of providers.lua."""
    in_flight, measured, limit, paused, pause, cap, until, reason, on_trial = row
    override = override_of(paused, pause, cap)
    health = read_health(measured)
    rests_until = int(until) / 1000 if until and int(until) / 1000 > now else None
    opens_at = blocked_until(health, now)
    return ProviderState(
        in_flight=in_flight,
        limit=override.limit or (int(limit) if limit else None),
        override=override,
        until=max((moment for moment in (rests_until, opens_at) if moment is not None), default=None),
        reason=reason.decode() if reason and rests_until else (health.last_error if opens_at else None),
        on_trial=bool(on_trial),
        health=health,
        at=now,
    )
