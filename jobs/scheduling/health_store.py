"""What attempts and probes report of providers, on Redis: health as one JSON record each, rests, signs of life."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from redis.client import Pipeline

from jobs.errors import Contended
from jobs.record import keys
from jobs.record.client import available
from jobs.record.commands import Commands
from jobs.record.connection import Connection
from jobs.scheduling.health import Health, expected_seconds
from jobs.times import ms

_health = msgspec.json.Decoder(Health)


class HealthStore:
    """Keeps one :class:`jobs.scheduling.health.Health` per provider.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        connection: To Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, providers: Iterable[str]) -> dict[str, Health]:
        """The health of each provider; a fresh record for one that was never measured."""
        names = list(providers)
        with available():
            pipe = self._connection.redis.pipeline(transaction=False)
            for name in names:
                pipe.hget(keys.provider(name), "health")
            rows = pipe.execute() if names else []
        return {name: _health.decode(row) if row else Health() for name, row in zip(names, rows, strict=True)}

    def update(self, provider: str, change: Callable[[Health, float], Health]) -> Health:
        """Change the record of a provider, and write what dispatching needs with it.

        Args:
            provider: The provider.
            change: Gives the new record from the old one and the time (Unix seconds).

        Returns:
            The new record.
        """
        key, now = keys.provider(provider), self._connection.now()

        def write(read: Commands, pipe: Pipeline) -> Health:
            row = read.hget(key, "health")
            health = change(_health.decode(row) if row else Health(), now)
            pipe.multi()
            pipe.hset(key, mapping=_fields(health))
            return health

        try:
            return self._connection.watching(key, write)
        except Contended:
            # One measurement more or less does not count.
            return self.get([provider])[provider]

    def rest(self, provider: str, until: float, reason: str, account: str | None = None) -> None:
        """Send the provider nothing until then, and one job first afterwards. A rest is never made shorter.

        Args:
            provider: The provider, whose quota is used up, or which is busy.
            until: Unix seconds.
            reason: Why, for people.
            account: Means the quota of this account instead of the installation's.
        """
        run = self._connection.run
        self._connection.patiently(lambda: run("rest", provider, account or "", ms(until), reason))

    def works(self, provider: str, since: float, account: str | None = None) -> None:
        """Let other jobs follow: an attempt that began at ``since`` (Unix seconds) showed life.

        An attempt from before the end of a rest shows nothing.
        """
        self._connection.run("works", provider, account or "", ms(since))


def _fields(health: Health) -> dict[Any, Any]:
    """The record, and the fields for dispatch.lua: the circuit, the expected seconds, whether it is a last resort."""
    return {
        "health": msgspec.json.encode(health),
        "open": "" if health.open_until is None else ms(health.open_until),
        "cost": "" if health.run_average is None else f"{expected_seconds(health):.3f}",
        "shun": "1" if health.signature_change is not None else "",
    }
