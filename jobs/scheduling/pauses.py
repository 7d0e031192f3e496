"""Pauses of the service or of one provider, and limits of providers, as an operator sets them by hand.

Jobs that run go on; jobs that wait say that they are paused. The command line
and the admin's endpoints use the same class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import msgspec

from jobs.access import audit
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available

#: What a provider is set to. ``draining``: it gets no jobs for now, and they wait for it. ``disabled``: it counts as
#: absent, and jobs for it alone have no provider.
Setting = Literal["enabled", "draining", "disabled"]
SETTINGS: Final[tuple[Setting, ...]] = get_args(Setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause of the service or of one provider: its kind, reason, author and start (Unix seconds)."""

    setting: Setting = "draining"
    reason: str | None = None
    by: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An admin's overrides for one provider. The default is no pause and the configured limit of jobs at once."""

    pause: Pause | None = None
    limit: int | None = None

    @property
    def setting(self) -> Setting:
        """What the provider is set to."""
        return "enabled" if self.pause is None else self.pause.setting


_pause = msgspec.json.Decoder(Pause)


class Pauses:
    """The pauses of this installation, on Redis.

    Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis

    def queue(self) -> Pause | None:
        """The pause of the service; None: there is none."""
        with available():
            pause = self._redis.get(keys.PAUSED)
        return None if pause is None else _read(pause)

    def provider(self, name: str) -> Override:
        """The overrides for a provider."""
        with available():
            row = self._redis.hmget(keys.provider(name), "paused", "hold", "cap")
        return override_of(*row)

    def pause(self, provider: str | None = None, *, reason: str | None = None, by: str = audit.OPERATOR) -> None:
        """Send nothing to this provider (None: to any worker) until :meth:`resume`."""
        if provider is not None:
            self.hold(provider, "draining", reason=reason, by=by)
            return
        self._connection.run("override", "", self._written("draining", reason, by), "")
        audit.note(by, "paused everything", reason=reason)

    def resume(self, provider: str | None = None, *, by: str = audit.OPERATOR) -> bool:
        """End a pause; False: there was none. The scheduler sends waiting jobs within a second."""
        if provider is None:
            with available():
                was = bool(self._redis.delete(keys.PAUSED))
        else:
            was = bool(self._connection.run("resume", provider, "paused", "hold"))
        audit.note(by, "resumed", provider=provider or "everything")
        return was

    def hold(self, provider: str, setting: Setting, *, reason: str | None = None, by: str) -> None:
        """Hold a provider's jobs back in this way until :meth:`resume`."""
        self._connection.run("override", provider, self._written(setting, reason, by), "")
        audit.note(by, "held a provider's jobs back", provider=provider, state=setting, reason=reason)

    def limit(self, provider: str, jobs: int | None, *, by: str) -> None:
        """Override a provider's limit of jobs at once; None: the configured limit holds again."""
        if jobs is None:
            self._connection.run("resume", provider, "cap")
        else:
            self._connection.run("override", provider, "", jobs)
        audit.note(by, "set a provider's limit", provider=provider, limit=jobs)

    def _written(self, setting: Setting, reason: str | None, by: str) -> bytes:
        return msgspec.json.encode(Pause(setting=setting, reason=reason, by=by, at=self._connection.now()))


def override_of(paused: bytes | None, pause: bytes | None, limit: bytes | None) -> Override:
    """The overrides that the fields of a provider's hash hold."""
    return Override(pause=_read(pause) if paused == b"1" else None, limit=int(limit) if limit else None)


def _read(pause: bytes | None) -> Pause:
    """A pause as Redis keeps it; one of an earlier version says nothing more than that it is there."""
    try:
        return _pause.decode(pause or b"{}")
    except msgspec.DecodeError:
        return Pause()
