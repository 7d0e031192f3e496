"""What attempts and probes report of providers, on Redis: health as one JSON record each, rests, signs of life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from jobs.record import keys
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.keys import ms
from jobs.record.outages import available
from jobs.record.types import Proof
from jobs.scheduling.circuits import Circuit
from jobs.scheduling.health import Health, expected_seconds

log = logging.getLogger(__name__)

_health = msgspec.json.Decoder(Health)


class HealthStore:
    """Keeps one :class:`jobs.scheduling.health.Health` per provider.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
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
        return {name: read_health(row) for name, row in zip(names, rows, strict=True)}

    def update(self, provider: str, change: Callable[[Health, float], Health]) -> Health:
        """Change the record of a provider at this time (Unix seconds), and write what dispatching needs with it.

        Returns:
            The new record.

        Raises:
            Contended: Other writers were faster each time.
        """
        now = self._connection.now()

        def write() -> Health:
            with available():
                row = self._connection.redis.hget(keys.provider(provider), "health")
            before = read_health(row)
            health = change(before, now)
            freed = _freed(before, health)
            fields = (part for field in _fields(health).items() for part in field)
            if not self._connection.run("measure", provider, row or b"", len(freed), *freed, *fields):
                raise Conflict
            return health

        return retrying(f"the health of {provider}", write)

    def rest(self, provider: str, until: float, reason: str, account: str | None = None) -> None:
        """Send the provider nothing until then, and one job first afterwards. A rest is never made shorter.

        ``until`` is in Unix seconds, ``reason`` an error code. With an account its quota is used up, not our own.
        """
        run = self._connection.run
        self._connection.patiently(lambda: run("rest", provider, account or "", ms(until), reason))

    def works(self, provider: str, since: float, account: str | None = None) -> None:
        """Let other jobs follow: see :class:`jobs.record.types.Proof`, which says the same beside an event."""
        proof = Proof(provider=provider, since=since, account=account)
        self._connection.run("works", *proof.arguments())


def _freed(before: Health, after: Health) -> list[str]:
    """The subjects whose circuit lets a job through sooner than it did."""
    return [
        name
        for name, circuit in before.subjects.items()
        if circuit.open_until is not None and (after.subjects.get(name, Circuit()).open_until or 0) < circuit.open_until
    ]


def read_health(row: bytes | None) -> Health:
    """What was measured of a provider; nothing where that cannot be read: it is measured again."""
    try:
        return _health.decode(row) if row else Health()
    except msgspec.DecodeError:
        log.warning("a provider's health cannot be read: %s", row)
        return Health()


def _fields(health: Health) -> dict[str, bytes | str | int]:
    """The record, and the fields for dispatch.lua: the circuits, the expected seconds, whether it is a last resort."""
    shut = {name: ms(c.open_until) for name, c in health.subjects.items() if c.open_until is not None}
    return {
        "health": msgspec.json.encode(health),
        "open": "" if health.open_until is None else ms(health.open_until),
        "cost": "" if health.run_average is None else f"{expected_seconds(health):.3f}",
        "shun": "1" if health.signature_change is not None else "",
        "shut": msgspec.json.encode(shut) if shut else "",
    }
