"""What a Redis server is told, word by word."""

from __future__ import annotations

import threading
from typing import Any, Self

import redis


class RedisMonitor:
    """Every command that the server is given, until the end of the block.

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
            if command["command"] == "ECHO over":
                return

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def end(self, client: redis.Redis) -> None:
        """Stop once all that was said until now is here."""
        client.echo("over")
        self._thread.join(10)
        assert not self._thread.is_alive()

    def __exit__(self, *_: object) -> None:
        self._monitor.__exit__()
