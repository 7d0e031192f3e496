"""The health of providers on Redis: a JSON record each, and beside it the few fields that dispatching reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import msgspec
import redis

from jobs.record import keys
from jobs.record.store import JobStore, available
from jobs.scheduling.health import Health, expected_seconds

_health = msgspec.json.Decoder(Health)
#: How often an update is tried again when the record changed under it. One measurement more or less does not count.
_TRIES: Final = 5


class HealthStore:
    """Keeps one :class:`jobs.scheduling.health.Health` per provider.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.

    Args:
        store: The records, for their connection and clock.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._redis: redis.Redis = store.redis

    def get(self, providers: Iterable[str]) -> dict[str, Health]:
        """What is known of each; a fresh record where nothing is."""
        names = list(providers)
        with available():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hget(keys.provider(name), "health")
            rows = pipe.execute() if names else []
        return {name: _health.decode(row) if row else Health() for name, row in zip(names, rows, strict=True)}

    def update(self, provider: str, change: Callable[[Health, float], Health]) -> Health:
        """Measure: read, ``change`` (gets the store's time), and write what dispatching needs with it."""
        key, now = keys.provider(provider), self._store.now()
        health = Health()
        with available(), self._redis.pipeline() as pipe:
            for _ in range(_TRIES):
                try:
                    pipe.watch(key)  # type: ignore[no-untyped-call]
                    row = cast("bytes | None", pipe.hget(key, "health"))
                    health = change(_health.decode(row) if row else Health(), now)
                    pipe.multi()
                    pipe.hset(key, mapping=_fields(health))
                    pipe.execute()
                except redis.WatchError:
                    continue
                break
        return health


def _fields(health: Health) -> dict[Any, Any]:
    """The record, and what dispatch.lua reads: the circuit, the expected time, whether others are to be preferred."""
    return {
        "health": msgspec.json.encode(health),
        "open": "" if health.open_until is None else round(health.open_until * 1000),
        "cost": "" if health.run_average is None else f"{expected_seconds(health):.3f}",
        "shun": "1" if health.signature_change is not None else "",
    }
