"""Records the commands that a Redis server gets."""

from __future__ import annotations

import threading
from typing import Any, Self

import redis


class RedisMonitor:
    """Records every command that the server gets, until the end of the ``with`` block.

    Args:
        client: A connection to the server.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.commands: list[str] = []
        self._monitor: Any = client.monitor()  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        for command in self._monitor.listen():
            self.commands.append(command["command"])
            if command["command"] == "ECHO end":
                return

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def end(self, client: redis.Redis) -> None:
        """Stop, with all commands until now recorded."""
        client.echo("end")
        self._thread.join(10)
        assert not self._thread.is_alive()

    def __exit__(self, *_: object) -> None:
        self._monitor.__exit__()
