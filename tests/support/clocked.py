"""A connection on which time passes only when a test says so, for the scripts as well."""

from __future__ import annotations

from typing import Final

import redis
from redis.commands.core import Script

from jobs.record.connection import Connection
from jobs.record.script_loader import source

_NOW: Final = "test:now"
_CLOCK: Final = "    local t = redis.call('TIME')\n    read_at = t[1] * 1000 + t[2] / 1000\n"


class ClockedConnection(Connection):
    """A connection with a clock of its own, in place of the server's."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._moment = 1_700_000_000_000
        self._clocked: dict[str, Script] = {}
        self.pass_ms(0)

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self._moment += milliseconds
        self.client.set(_NOW, self._moment)

    def now(self) -> float:
        """The time."""
        return self._moment / 1000

    def _script(self, name: str) -> Script:
        if name not in self._clocked:
            text = source(name)
            assert "'TIME'" not in text or _CLOCK in text
            text = text.replace(_CLOCK, f"    read_at = tonumber(redis.call('GET', '{_NOW}'))\n")
            self._clocked[name] = self.client.register_script(text)
        return self._clocked[name]
